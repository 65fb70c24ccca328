package assign

import (
	"flag"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// assignors are what is tested, by name.
var assignors = map[string]func(*Spec) []map[model.TopicID][]int32{"uniform": Uniform, "range": Range}

// topicID is the id of a topic in tests: its name in an order that is not the
// names' own.
func topicID(name string) model.TopicID {
	var id model.TopicID
	for i, c := range []byte(name) {
		id[i%len(id)] += c * 7
	}
	return id
}

// checksMin is how many specs a plain test run draws for each property: enough
// for those in which three things have to meet.
const checksMin = 1000

// check is rapid.Check with checksMin.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", strconv.Itoa(checksMin)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set("rapid.checks", f.DefValue) })
	}
	rapid.Check(t, property)
}

// mustEqual fails if a and b differ. Only then does it look for where: that is slow.
func mustEqual[T any](t *rapid.T, what string, a, b T) {
	t.Helper()
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("%s:\n%s", what, cmp.Diff(a, b))
	}
}

// drawSpec draws members that subscribe to anything, or all to the same, and
// own anything, true or not, and topics whose racks are known, unknown or half
// known.
func drawSpec(t *rapid.T, equal bool) *Spec {
	spec := &Spec{}
	racks := rapid.Bool().Draw(t, "racks")
	rack := rapid.SampledFrom([]string{"a", "a", "b", "b", "c", "c", "d", ""})
	for i := range rapid.IntRange(0, 5).Draw(t, "topics") {
		name := fmt.Sprintf("t%d", i)
		topic := Topic{ID: topicID(name), Name: name, Partitions: rapid.Int32Range(0, 9).Draw(t, "partitions")}
		if racks {
			lists := rapid.SliceOfN(rapid.SliceOfN(rack, 0, 2), int(topic.Partitions)/2, int(topic.Partitions)+1)
			topic.Racks = lists.Draw(t, "racks of "+name)
		}
		spec.Topics = append(spec.Topics, topic)
	}
	var common []model.TopicID
	if equal {
		common = drawTopics(t)
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "members") {
		m := Member{ID: fmt.Sprintf("m%d", i), Topics: common, Owned: drawOwned(t)}
		if !equal {
			m.Topics = drawTopics(t)
		}
		if racks {
			m.Rack = rack.Draw(t, "rack")
		}
		m.Instance = rapid.SampledFrom([]string{"", "", "i1", "i2", "x"}).Draw(t, "instance")
		spec.Members = append(spec.Members, m)
	}
	return spec
}

// drawTopics draws what a member subscribes to; t7 never exists.
func drawTopics(t *rapid.T) []model.TopicID {
	var ids []model.TopicID
	for _, name := range []string{"t0", "t1", "t2", "t3", "t4", "t7"} {
		if rapid.Bool().Draw(t, name) {
			ids = append(ids, topicID(name))
		}
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

func drawOwned(t *rapid.T) map[model.TopicID][]int32 {
	name := rapid.Custom(func(t *rapid.T) model.TopicID {
		return topicID(rapid.SampledFrom([]string{"t0", "t1", "t2", "t7"}).Draw(t, "name"))
	})
	return rapid.MapOfN(name, rapid.SliceOfN(rapid.Int32Range(-1, 10), 0, 9), 0, 3).Draw(t, "owned")
}

// dealt is the spec in which members own what they were given.
func dealt(spec *Spec, result []map[model.TopicID][]int32) *Spec {
	next := &Spec{Members: slices.Clone(spec.Members), Topics: spec.Topics}
	for i := range next.Members {
		next.Members[i].Owned = result[i]
	}
	return next
}

// rackless is the spec as if nobody knew racks.
func rackless(spec *Spec) *Spec {
	plain := &Spec{Members: slices.Clone(spec.Members), Topics: slices.Clone(spec.Topics)}
	for i := range plain.Members {
		plain.Members[i].Rack = ""
	}
	for i := range plain.Topics {
		plain.Topics[i].Racks = nil
	}
	return plain
}

// loads is how many partitions each member got.
func loads(result []map[model.TopicID][]int32) []int {
	loads := make([]int, len(result))
	for m, got := range result {
		for _, partitions := range got {
			loads[m] += len(partitions)
		}
	}
	return loads
}

// near counts the partitions that match their member's rack.
func near(spec *Spec, result []map[model.TopicID][]int32) (count int) {
	for m, got := range result {
		for _, topic := range spec.Topics {
			for _, p := range got[topic.ID] {
				if isNear(spec.Members[m].Rack, topic, p) {
					count++
				}
			}
		}
	}
	return count
}

func isNear(rack string, topic Topic, partition int32) bool {
	if int(partition) >= len(topic.Racks) {
		return true
	}
	names := slices.DeleteFunc(slices.Clone(topic.Racks[partition]), func(name string) bool { return name == "" })
	return rack == "" || len(names) == 0 || slices.Contains(names, rack)
}

// moved counts the partitions that a member has and does not get.
func moved(spec *Spec, result []map[model.TopicID][]int32) (count int) {
	for m := range spec.Members {
		for id, partitions := range spec.Members[m].Owned {
			for _, p := range partitions {
				if !slices.Contains(result[m][id], p) {
					count++
				}
			}
		}
	}
	return count
}

func sum(numbers []int) (sum int) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

func cloneOwned(owned map[model.TopicID][]int32) map[model.TopicID][]int32 {
	owned = maps.Clone(owned)
	for id := range owned {
		owned[id] = slices.Clone(owned[id])
	}
	return owned
}

// TestRounds: evening out has a price that does not grow with topics times members.
func TestRounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pools, members int
		least, most    int
	}{
		{1, 10, 2 * roundsMax, workMax},
		{100, 1000, 2 * roundsMax, workMax},
		{10_000, 1000, 1, 2},
		{1000, 100_000, 0, 0},
	} {
		p := &plan{pools: make([]pool, c.pools)}
		shared := make([]int32, c.members)
		for i := range p.pools {
			p.pools[i].members = shared
		}
		if n := p.rounds(); n < c.least || n > c.most {
			t.Errorf("%d pools of %d members: %d rounds", c.pools, c.members, n)
		}
	}
}
