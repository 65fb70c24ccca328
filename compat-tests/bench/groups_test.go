package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What is written anew in a commit is its number and its offsets, and nothing
// else of it.
func TestCommitRequest(t *testing.T) {
	m := &groupMember{group: "g", id: "m", generation: 3}
	r := newCommit(m, "t", 7, 5, 10)
	for _, offset := range []int64{1, 1 << 40} {
		r.number(9, offset)
		if got := r.raw[atCorrelation : atCorrelation+4]; !slices.Equal(got, []byte{0, 0, 0, 9}) {
			t.Errorf("correlation id %v", got)
		}
		// Size, key, version, correlation, client id, no tags.
		body := r.raw[4+2+2+4+2+len("bench")+1:]
		req := kmsg.NewPtrOffsetCommitRequest()
		req.SetVersion(commitVersion)
		if err := req.ReadFrom(body); err != nil {
			t.Fatal(err)
		}
		if req.Group != "g" || req.MemberID != "m" || req.Generation != 3 || len(req.Topics) != 1 {
			t.Fatalf("commit %+v", req)
		}
		var partitions []int32
		for _, p := range req.Topics[0].Partitions {
			if p.Offset != offset {
				t.Errorf("partition %d: offset %d, want %d", p.Partition, p.Offset, offset)
			}
			partitions = append(partitions, p.Partition)
		}
		if want := []int32{7, 8, 9, 0, 1}; !slices.Equal(partitions, want) {
			t.Errorf("partitions %v, want %v", partitions, want)
		}
	}
}

// A commit counts only if each of its partitions was taken.
func TestRefusedCommit(t *testing.T) {
	answer := func(codes ...int16) *kmsg.OffsetCommitResponse {
		resp := kmsg.NewPtrOffsetCommitResponse()
		topic := kmsg.NewOffsetCommitResponseTopic()
		for _, code := range codes {
			p := kmsg.NewOffsetCommitResponseTopicPartition()
			p.ErrorCode = code
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
		return resp
	}
	if err := refusedCommit(answer(0, 0), 2); err != nil {
		t.Error(err)
	}
	for _, resp := range []*kmsg.OffsetCommitResponse{
		answer(0, kerr.IllegalGeneration.Code), answer(0), answer(0, 0, 0), kmsg.NewPtrOffsetCommitResponse(),
	} {
		if refusedCommit(resp, 2) == nil {
			t.Errorf("taken: %+v", resp)
		}
	}
}

func TestOffsetsPartition(t *testing.T) {
	// Java: Math.abs("...".hashCode()) % 50.
	for group, want := range map[string]int{"": 0, "abc": 96354 % 50, "polygenelubricants": 0} {
		if got := offsetsPartition(group, 50); got != want {
			t.Errorf("%q is in partition %d, want %d", group, got, want)
		}
	}
}

// A name that no row has stands for the rows that begin with it and a hyphen.
func TestPickGroups(t *testing.T) {
	rows, err := pick(speedTable, "groups")
	if err != nil || len(rows) != len(groupRows()) {
		t.Fatalf("%d rows, want %d; %v", len(rows), len(groupRows()), err)
	}
	for _, r := range rows {
		if !strings.HasPrefix(r.name, "groups-") {
			t.Errorf("row %s", r.name)
		}
	}
	if rows, err := pick(speedTable, "produce1m"); err != nil || len(rows) != 1 {
		t.Errorf("%d rows of an exact name, want 1; %v", len(rows), err)
	}
}

// A rebalance has come to its end when every member has told what it owns, in
// one later epoch, and every partition is owned.
func TestSettled(t *testing.T) {
	for _, c := range []struct {
		what string
		a, b consumer848
		want bool
	}{
		{"all is owned", consumer848{epoch: 2, count: 3, told: true}, consumer848{epoch: 2, count: 2, told: true}, true},
		{"before it began", consumer848{epoch: 1, count: 3, told: true}, consumer848{epoch: 1, count: 2, told: true}, false},
		{"one is behind", consumer848{epoch: 2, count: 3, told: true}, consumer848{epoch: 1, count: 2, told: true}, false},
		{"one is ahead", consumer848{epoch: 2, count: 3, told: true}, consumer848{epoch: 3, count: 2, told: true}, false},
		{"one has not told", consumer848{epoch: 2, count: 3, told: true}, consumer848{epoch: 2, count: 2}, false},
		{"one is missing", consumer848{epoch: 2, count: 3, told: true}, consumer848{epoch: 2, count: 1, told: true}, false},
	} {
		group := &consumers{partitions: 5}
		if got := group.settled([]*consumer848{&c.a, &c.b}, 1); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
