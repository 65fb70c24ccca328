package txn

import (
	"fmt"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
)

func tp(topic string, partition int32) model.TopicPartition {
	return model.TopicPartition{Topic: topic, Partition: partition}
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	var p partitions
	for _, step := range []struct {
		add   []model.TopicPartition
		added int
		want  string
	}{
		{nil, 0, "[]"},
		{[]model.TopicPartition{tp("b", 3), tp("a", 1), tp("b", 0), tp("b", 3)}, 3, "[{a [1]} {b [0 3]}]"},
		{[]model.TopicPartition{tp("b", 0)}, 0, "[{a [1]} {b [0 3]}]"},
		{[]model.TopicPartition{tp("b", 0), tp("c", 5), tp("b", 2)}, 2, "[{a [1]} {b [0 2 3]} {c [5]}]"},
		{[]model.TopicPartition{tp("a", 0), tp("", 7)}, 2, "[{ [7]} {a [0 1]} {b [0 2 3]} {c [5]}]"},
	} {
		before := fmt.Sprint(p)
		joined, added := p.join(step.add)
		if got := fmt.Sprint(joined); got != step.want || added != step.added {
			t.Errorf("%v and %v: %d added, %s; want %d, %s", p, step.add, added, got, step.added, step.want)
		}
		if after := fmt.Sprint(p); after != before {
			t.Errorf("join changed %s to %s", before, after)
		}
		p = joined
	}
	if got := fmt.Sprint(p.each()); got != "[{ 7} {a 0} {a 1} {b 0} {b 2} {b 3} {c 5}]" || p.count() != 7 {
		t.Errorf("%d: %s", p.count(), got)
	}
	for tp, want := range map[model.TopicPartition]bool{
		tp("a", 0): true, tp("a", 2): false, tp("b", 3): true, tp("b", -1): false, tp("d", 0): false, tp("", 7): true,
	} {
		if p.has(tp) != want {
			t.Errorf("has %v: %v", tp, !want)
		}
	}
}
