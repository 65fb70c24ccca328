package assign

import (
	"fmt"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// BenchmarkAssign deals to a group that grew by one member since it was dealt
// to last ("join"), and to one that has nothing yet ("fresh").
func BenchmarkAssign(b *testing.B) {
	for _, size := range []struct{ members, topics, partitions int }{
		{10_000, 10, 1000},
		{10_000, 1000, 1000},
		{1000, 10, 100_000},
		{1000, 1000, 100_000},
	} {
		for _, kind := range []string{"uniform", "uniform racks", "uniform mixed", "range", "range racks"} {
			fresh := benchSpec(size.members, size.topics, size.partitions, kind)
			assignor := Uniform
			if kind[0] == 'r' {
				assignor = Range
			}
			grown := dealt(fresh, assignor(fresh))
			grown.Members = append(grown.Members, Member{ID: "z", Topics: grown.Members[0].Topics, Rack: grown.Members[0].Rack})
			name := fmt.Sprintf("%s/members=%d/topics=%d/partitions=%d", kind, size.members, size.topics, size.partitions)
			bench(b, name+"/fresh", assignor, fresh)
			bench(b, name+"/join", assignor, grown)
		}
	}
}

func bench(b *testing.B, name string, assignor func(*Spec) []map[model.TopicID][]int32, spec *Spec) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			assignor(spec)
		}
	})
}

// benchSpec is a group of which all members subscribe to all topics, or, mixed,
// one half to the first three quarters and the other half to the last ones.
func benchSpec(members, topics, partitions int, kind string) *Spec {
	racks := []string{"a", "b", "c"}
	spec := &Spec{}
	var ids []model.TopicID
	for i := range topics {
		topic := Topic{ID: model.TopicID{byte(i >> 8), byte(i)}, Name: fmt.Sprintf("t%06d", i), Partitions: int32(partitions / topics)}
		if kind == "uniform racks" || kind == "range racks" {
			for p := range topic.Partitions {
				topic.Racks = append(topic.Racks, []string{racks[p%3], racks[(p/3)%3]})
			}
		}
		ids = append(ids, topic.ID)
		spec.Topics = append(spec.Topics, topic)
	}
	for i := range members {
		m := Member{ID: fmt.Sprintf("m%06d", i), Topics: ids, Rack: racks[i%3]}
		if kind == "uniform mixed" {
			m.Topics = ids[:topics*3/4]
			if i%2 > 0 {
				m.Topics = ids[topics/4:]
			}
		}
		spec.Members = append(spec.Members, m)
	}
	return spec
}
