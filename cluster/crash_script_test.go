package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// picture is what metadata says. What is drawn at random, ids of topics and of
// the cluster, is not known of a change before it is made.
type picture struct {
	cluster    string
	topics     map[string]string // by name
	ids        map[string]model.TopicID
	groups     map[string]string
	partitions model.PartitionID // the next to give
	dropped    []model.PartitionID
	producers  model.ProducerID // the next to give
}

func pictureOf(img *Image) *picture {
	p := &picture{
		cluster: img.ClusterID, topics: map[string]string{}, ids: map[string]model.TopicID{}, groups: map[string]string{},
		partitions: img.ids.nextPartition, producers: img.ids.nextProducer,
	}
	img.Topics(func(t *Topic) bool {
		var ids []model.PartitionID
		for i := range t.Partitions {
			ids = append(ids, t.Partitions[i].ID)
		}
		p.topics[t.Name], p.ids[t.Name] = fmt.Sprint(ids, t.Configs), t.ID
		return true
	})
	for name, configs := range img.GroupConfigs {
		p.groups[name] = fmt.Sprint(configs)
	}
	for id := model.PartitionID(1); id < p.partitions; id++ {
		if img.Standing(id) == Dropped {
			p.dropped = append(p.dropped, id)
		}
	}
	return p
}

func (p *picture) clone() *picture {
	c := *p
	c.topics, c.ids, c.groups, c.dropped = maps.Clone(p.topics), maps.Clone(p.ids), maps.Clone(p.groups), slices.Clone(p.dropped)
	return &c
}

// differs says how got is another picture, or "". Topics that have no id yet
// may have any.
func (p *picture) differs(got *picture) string {
	want := p.clone()
	for name := range want.topics {
		if _, known := want.ids[name]; !known {
			want.ids[name] = got.ids[name]
		}
	}
	return cmp.Diff(want, got, cmp.AllowUnexported(picture{}))
}

// step is a change, and what it makes of a picture.
type step struct {
	do   func(j *Journal) error
	then func(p *picture)
}

// createStep makes topics of two partitions each, in one change.
func createStep(names ...string) step {
	return step{
		do: func(j *Journal) error {
			var specs []TopicSpec
			for _, name := range names {
				specs = append(specs, TopicSpec{Name: name, Partitions: 2})
			}
			return j.CreateTopics(specs)[0].Err
		},
		then: func(p *picture) {
			for _, name := range names {
				p.topics[name] = fmt.Sprint([]model.PartitionID{p.partitions, p.partitions + 1}, map[string]string{})
				p.partitions += 2
			}
		},
	}
}

// deleteStep deletes the topics made last, in one change.
func deleteStep(names ...string) step {
	return step{
		do: func(j *Journal) error { return j.DeleteTopics(names)[0] },
		then: func(p *picture) {
			for id := p.partitions - model.PartitionID(2*len(names)); id < p.partitions; id++ {
				p.dropped = append(p.dropped, id)
			}
			for _, name := range names {
				delete(p.topics, name)
				delete(p.ids, name)
			}
		},
	}
}

func configStep(group, value string) step {
	return step{
		do: func(j *Journal) error {
			return j.AlterConfigs(Resource{Type: ResourceGroup, Name: group}, []ConfigChange{{"k", &value}})
		},
		then: func(p *picture) { p.groups[group] = fmt.Sprint(map[string]string{"k": value}) },
	}
}

func producersStep(n int) step {
	return step{
		do: func(j *Journal) error {
			_, err := j.AllocateProducerIDs(n)
			return err
		},
		then: func(p *picture) { p.producers += model.ProducerID(n) },
	}
}

func steps(from int) []step {
	var list []step
	for i := from; i < from+8; i++ {
		name, twin := fmt.Sprint("topic.", i), fmt.Sprint("twin-", i)
		list = append(list, createStep(name, twin))
		if i%3 == 0 {
			list = append(list, deleteStep(name, twin))
		}
		list = append(list, configStep(name, strings.Repeat("x", 40)), producersStep(10))
	}
	return list
}

// script makes changes one after the other and keeps what was acknowledged.
// SnapshotBytes is so small that it rolls several times.
type script struct {
	acknowledged *picture // nil before the first start
	tried        *picture // with a change after that, which failed; or nil
}

func scriptOptions() Options { return Options{NodeID: 1, SnapshotBytes: 700} }

// run goes on until something fails.
func (s *script) run(t *testing.T, what string, fs vfs.FS, from int) {
	t.Helper()
	j, err := Open(fs, "data", scriptOptions())
	if err != nil {
		return
	}
	defer func() { _ = j.Close() }()
	s.opened(t, what, j)
	for _, step := range steps(from) {
		next := s.acknowledged.clone()
		step.then(next)
		if err := step.do(j); err != nil {
			s.tried = next
			return
		}
		got := pictureOf(j.Image())
		if diff := next.differs(got); diff != "" {
			t.Fatalf("%s: a change made something else (-want +got):\n%s", what, diff)
		}
		s.acknowledged = got
	}
}

// opened holds what a start found against what was acknowledged. The change
// that was under way may have been made, but as a whole; what a start has shown
// stays.
func (s *script) opened(t *testing.T, what string, j *Journal) {
	t.Helper()
	got := pictureOf(j.Image())
	if s.acknowledged != nil {
		lost := s.acknowledged.differs(got)
		if lost != "" && (s.tried == nil || s.tried.differs(got) != "") {
			t.Fatalf("%s: neither what was acknowledged nor what was under way (-acknowledged +got):\n%s", what, lost)
		}
	}
	s.acknowledged, s.tried = got, nil
}

// check opens what a crash left.
func (s *script) check(t *testing.T, what string, fs vfs.FS) {
	t.Helper()
	j, err := Open(fs, "data", scriptOptions())
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	s.opened(t, what, j)
	if err := j.Close(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
