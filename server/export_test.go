package server

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Weigh is what a call with the request is reckoned with.
func Weigh(s *Server, req kmsg.Request) int {
	body := req.AppendTo(nil)
	key := protocol.Key(req.Key())
	need, err := protocol.Measure(key, req.GetVersion(), body)
	if err != nil {
		return 0
	}
	return callCost + need + s.table.find(key).weigh(s, req, need)
}

// LoadShard loads a shard of the group coordinator.
func LoadShard(s *Server, shard int32) {
	all := new(sync.WaitGroup)
	all.Add(1)
	s.loadShard(s.offsets, shard, all)
}

// RequestBytes is the memory that the bytes of requests hold.
func RequestBytes(s *Server) int64 { return s.memory.requests.InUse() + s.memory.others.InUse() }

// AnswersWaiting is how many calls wait for a share of the memory for answers.
func AnswersWaiting(s *Server) int { return s.memory.answers.Waiting() }

// ParkedBytes is what large fetches hold while they wait.
func ParkedBytes(s *Server) int64 { return s.memory.parked.InUse() }

// BytesRead is what the open connections have sent.
func BytesRead(s *Server) (n int64) {
	for _, c := range s.conns.snapshot() {
		n += c.frames.total.Load()
	}
	return n
}

// Explain is what /why answers for a group as it is seen at some moment.
func Explain(
	v *coordinator.GroupView, rewind RewindInShort, partitions []GroupPartition, partitionsOf func(string) int, open map[model.ProducerID]*txn.View,
	retention time.Duration, now time.Time,
) GroupWhy {
	return explain(v, &groupFacts{rewind: &rewind, partitions: partitions, partitionsOf: partitionsOf, open: open, retention: retention, now: now})
}

// Barren says of a partition that nothing lies before the last stable offset.
func (p GroupPartition) Barren() GroupPartition {
	p.barren = true
	return p
}

// Rates is how the lag of a group changed between two looks.
func Rates(first, second []GroupPartition, took time.Duration) *GroupRate {
	return rates(first, second, took)
}

// DescribeUpTo is what is told of a group with another bound of the partitions
// that are listed of the members of a broadcast group.
func DescribeUpTo(ctx context.Context, s *Server, id string, most int) (GroupDetail, error) {
	v, err := s.inspectOne(ctx, id)
	if err != nil {
		return GroupDetail{}, err
	}
	return s.describeUpTo(v, s.measure(v), most), nil
}

// GroupCollector is the server's, with another bound of its series.
func GroupCollector(s *Server, most int) prometheus.Collector { return s.groupCollector(most) }

// SharedLooks is how those who ask for all groups share what look finds.
func SharedLooks(look func() ([]coordinator.GroupView, error)) func(context.Context) ([]coordinator.GroupView, error) {
	l := &looks{look: look, start: new(tasks).start}
	return l.all
}

// ListUpTo is the list of all groups with another bound of the partitions that are
// looked up in the log.
func ListUpTo(ctx context.Context, s *Server, most int) ([]GroupSummary, error) {
	views, err := s.looks.all(ctx)
	if err != nil {
		return nil, err
	}
	return s.summaries(ctx, views, most)
}

// Next gives an id, and waits for one.
func (p *ProducerIDs) Next() (model.ProducerID, error) { return p.next() }

// TurnQueue keeps requests in line.
type TurnQueue struct{ queue turnQueue }

// Wait puts a request in line. All work is done by whoever makes it ready.
func (q *TurnQueue) Wait(run func(), ask func(ready func())) {
	q.queue.wait(&turn{run: run}, &tasks{closed: true}, ask)
}

// Idle reports whether nobody is in line.
func (q *TurnQueue) Idle() bool { return q.queue.idle() }
