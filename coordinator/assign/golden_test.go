package assign

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// TestGolden plays testdata/*.txt: the life of a group, in which members own
// what they were given last.
//
//	uniform | range     what has changed since, then deals:
//	  topic NAME PARTITIONS [racks=R|R,R|...]  makes or grows one; racks by partition, in turn
//	  delete NAME
//	  member ID [topics=T,T] [rack=R] [instance=I] [owns=T:P,P/T:P]  joins, or changes what it says
//	  leave ID
//	  clear          starts over
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			g := &golden{}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				for line := range strings.Lines(d.Input) {
					g.change(t, d, strings.Fields(line))
				}
				assignor, known := assignors[d.Cmd]
				if !known {
					d.Fatalf(t, "no assignor %q", d.Cmd)
				}
				return g.deal(assignor)
			})
		})
	}
}

type golden struct{ spec Spec }

func (g *golden) change(t *testing.T, d *datadriven.TestData, words []string) {
	t.Helper()
	switch words[0] {
	case "clear":
		g.spec = Spec{}
	case "topic":
		g.setTopic(t, d, words[1:])
	case "delete":
		g.spec.Topics = slices.DeleteFunc(g.spec.Topics, func(topic Topic) bool { return topic.Name == words[1] })
	case "member":
		g.setMember(t, d, words[1:])
	case "leave":
		g.spec.Members = slices.DeleteFunc(g.spec.Members, func(m Member) bool { return m.ID == words[1] })
	default:
		d.Fatalf(t, "unknown word %q", words[0])
	}
}

func (g *golden) setTopic(t *testing.T, d *datadriven.TestData, words []string) {
	t.Helper()
	size, err := strconv.Atoi(words[1])
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	topic := Topic{ID: topicID(words[0]), Name: words[0], Partitions: int32(size)}
	if len(words) > 2 {
		lists := strings.Split(strings.TrimPrefix(words[2], "racks="), "|")
		for i := range size {
			topic.Racks = append(topic.Racks, strings.Split(lists[i%len(lists)], ","))
		}
	}
	at, found := slices.BinarySearchFunc(g.spec.Topics, topic.Name, func(a Topic, name string) int { return strings.Compare(a.Name, name) })
	if found {
		g.spec.Topics[at] = topic
	} else {
		g.spec.Topics = slices.Insert(g.spec.Topics, at, topic)
	}
}

func (g *golden) setMember(t *testing.T, d *datadriven.TestData, words []string) {
	t.Helper()
	at, found := slices.BinarySearchFunc(g.spec.Members, words[0], func(a Member, id string) int { return strings.Compare(a.ID, id) })
	if !found {
		g.spec.Members = slices.Insert(g.spec.Members, at, Member{ID: words[0]})
	}
	m := &g.spec.Members[at]
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "topics":
			m.Topics = nil
			for topic := range strings.SplitSeq(value, ",") {
				m.Topics = append(m.Topics, topicID(topic))
			}
			slices.SortFunc(m.Topics, compareIDs)
		case "rack":
			m.Rack = value
		case "instance":
			m.Instance = value
		case "owns":
			m.Owned = map[model.TopicID][]int32{}
			for part := range strings.SplitSeq(value, "/") {
				topic, list, _ := strings.Cut(part, ":")
				for number := range strings.SplitSeq(list, ",") {
					p, err := strconv.Atoi(number)
					if err != nil {
						d.Fatalf(t, "%v", err)
					}
					m.Owned[topicID(topic)] = append(m.Owned[topicID(topic)], int32(p))
				}
			}
		default:
			d.Fatalf(t, "unknown word %q", word)
		}
	}
}

// deal prints who gets what; a star stands behind what the member did not have.
func (g *golden) deal(assignor func(*Spec) []map[model.TopicID][]int32) string {
	result := assignor(&g.spec)
	var text strings.Builder
	count := sum(loads(result))
	for i, m := range g.spec.Members {
		fmt.Fprintf(&text, "%s:", m.ID)
		for _, topic := range g.spec.Topics {
			partitions := result[i][topic.ID]
			if len(partitions) == 0 {
				continue
			}
			fmt.Fprintf(&text, " %s", topic.Name)
			for _, p := range partitions {
				star := "*"
				if slices.Contains(m.Owned[topic.ID], p) {
					star = ""
				}
				fmt.Fprintf(&text, " %d%s", p, star)
			}
		}
		text.WriteString("\n")
	}
	if hasRacks(&g.spec) {
		fmt.Fprintf(&text, "near: %d of %d\n", near(&g.spec, result), count)
	}
	g.spec = *dealt(&g.spec, result)
	return text.String()
}

func hasRacks(spec *Spec) bool {
	return slices.ContainsFunc(spec.Topics, func(topic Topic) bool { return topic.Racks != nil })
}
