package server

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// inspect asks the coordinator for groups, all of them for nil, and waits for
// it: it answers once its disk has taken all that the answer speaks of. With
// all groups, the views of shards that are here come with an error too.
func (s *Server) inspect(ctx context.Context, ids []string) ([]coordinator.GroupView, error) {
	type answer struct {
		views []coordinator.GroupView
		code  protocol.ErrorCode
	}
	a, err := await(ctx, s, func(reply func(answer)) {
		s.groups.Inspect(ids, func(views []coordinator.GroupView, code protocol.ErrorCode) { reply(answer{views, code}) })
	})
	if err != nil {
		return nil, err
	}
	for i := range a.views {
		a.views[i].Sort()
	}
	if ids == nil {
		slices.SortFunc(a.views, func(a, b coordinator.GroupView) int { return cmp.Compare(a.ID, b.ID) })
	}
	if a.code != protocol.NoError {
		return a.views, protocol.Errorf(a.code, "groups are still being loaded: try again in a moment")
	}
	return a.views, nil
}

// await starts a request to the coordinator and waits for its answer, unless
// that takes longer than anything should.
func await[R any](ctx context.Context, s *Server, start func(reply func(R))) (R, error) {
	answered := make(chan R, 1)
	start(func(r R) { answered <- r })
	slow := s.clock.NewTimer(apiWait)
	defer slow.Stop()
	var none R
	select {
	case r := <-answered:
		return r, nil
	case <-slow.C():
		return none, protocol.Errorf(protocol.RequestTimedOut, "the coordinator does not answer: is the disk slow? see /readyz")
	case <-ctx.Done():
		if s.lifetime.Err() != nil {
			return none, errStopping()
		}
		return none, errAskerGone()
	}
}

func errAskerGone() error {
	return protocol.Errorf(protocol.RequestTimedOut, "it took too long, or who asked is gone")
}

func errStopping() error {
	return protocol.Errorf(protocol.CoordinatorNotAvailable, "the broker is shutting down")
}

// maybeDone is the error of a deed whose end is not known: it may be done yet.
func maybeDone(err error) error {
	if e := asError(err); e != nil && e.Code == protocol.RequestTimedOut {
		return protocol.Errorf(e.Code, "%s; what was asked for may be done yet, so look before you ask again", messageOf(e))
	}
	return err
}

// inspectOne is inspect for one group, which must exist.
func (s *Server) inspectOne(ctx context.Context, id string) (*coordinator.GroupView, error) {
	if _, ok := s.meta.Image().Topic(cluster.OffsetsTopic); !ok {
		return nil, noGroup(id) // nobody ever was in a group
	}
	views, err := s.inspect(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	switch v := &views[0]; v.Code {
	case protocol.NoError:
		return v, nil
	case protocol.GroupIDNotFound:
		return nil, noGroup(id)
	case protocol.CoordinatorLoadInProgress:
		return nil, protocol.Errorf(v.Code, "group %q is still being loaded: try again in a moment", id)
	default:
		return nil, protocol.Errorf(v.Code, "group %q cannot be looked at: %s", id, v.Code)
	}
}

func noGroup(id string) *protocol.Error {
	return protocol.Errorf(protocol.GroupIDNotFound, "there is no group %q: it never was there, or its offsets have expired", id)
}

// measure finds out how far a group is in each partition for which it committed
// an offset, or that a member was given.
func (s *Server) measure(v *coordinator.GroupView) []GroupPartition { return s.measureTo(v, true) }

// measureTo is measure in records alone, unless it is to look into the log.
func (s *Server) measureTo(v *coordinator.GroupView, deep bool) []GroupPartition {
	var given map[partitionKey]owner
	if !v.Broadcast { // there each partition is everybody's
		given = owners(v, partitionCounts(s.meta.Image()))
	}
	out := make([]GroupPartition, 0, len(given))
	now := s.clock.Now()
	for i := range v.Offsets {
		t := &v.Offsets[i]
		for _, c := range t.Partitions {
			key := partitionKey{t.Topic, c.Partition}
			who := given[key]
			delete(given, key)
			out = append(out, s.measurePartition(key, who, &c, now, deep))
		}
	}
	for key, who := range given {
		out = append(out, s.measurePartition(key, who, nil, now, deep))
	}
	slices.SortFunc(out, func(a, b GroupPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out
}

// partitionCounts tells how many partitions a topic has; 0: there is no such topic.
func partitionCounts(img *cluster.Image) func(string) int {
	return func(topic string) int {
		if t, ok := img.Topic(topic); ok {
			return len(t.Partitions)
		}
		return 0
	}
}

// measurePartition measures one; c nil: nothing was committed for it.
func (s *Server) measurePartition(
	key partitionKey, who owner, c *coordinator.PartitionOffset, now time.Time, deep bool,
) GroupPartition {
	p := GroupPartition{Topic: key.topic, Partition: key.partition, Member: who.member, Client: who.client, Host: who.host}
	if c != nil {
		p.Committed, p.CommittedAt = &c.Offset, utc(time.UnixMilli(c.Committed))
	}
	part, err := s.partitions.Find(key.topic, key.partition)
	if err != nil {
		p.Error = err.Error()
		return p
	}
	o := part.Offsets()
	p.LogStart, p.End = int64(o.LogStart), int64(o.HighWatermark)
	if stable := int64(o.LastStable); stable < p.End {
		p.LastStable = &stable
	}
	if c == nil || c.Offset < 0 {
		return p
	}
	p.Lag = &Lag{Records: max(p.End-c.Offset, 0)}
	p.Lag.Unmeasured = p.Lag.Records > 0
	p.Gone = max(min(p.LogStart, p.End)-c.Offset, 0)
	if p.Lag.Records > 0 && deep {
		p.measure(part, now)
	}
	return p
}

// measure fills in the bytes and seconds of a lag.
func (p *GroupPartition) measure(part *replication.Partition, now time.Time) {
	if err := p.Lag.measure(part, *p.Committed, now); err != nil {
		p.Error = err.Error()
	}
}

// measure fills in bytes and seconds.
func (l *Lag) measure(part *replication.Partition, from int64, now time.Time) error {
	b, err := part.Backlog(model.Offset(from))
	if err != nil {
		return err
	}
	l.Bytes, l.About, l.Markers, l.Unmeasured = b.Bytes, b.About, b.Markers, false
	if !b.Oldest.IsZero() {
		l.Seconds = seconds(now.Sub(b.Oldest))
	}
	return nil
}

// seconds is a span, to the millisecond; never negative, whatever the clock did.
func seconds(d time.Duration) float64 {
	return float64(max(d, 0).Milliseconds()) / 1000
}

// rated measures a group twice and says how its lag changes.
func (s *Server) rated(ctx context.Context, id string, over time.Duration) (*GroupDetail, error) {
	before, err := s.inspectOne(ctx, id)
	if err != nil {
		return nil, err
	}
	first, begun := s.measure(before), s.clock.Now()
	if !clock.WaitEither(s.clock, over, ctx.Done(), s.lifetime.Done()) {
		return nil, protocol.Errorf(protocol.RequestTimedOut, "the request ended before the rate was measured")
	}
	after, rewind, err := s.inspectRewound(ctx, id)
	if err != nil {
		return nil, err
	}
	second, took := s.measure(after), s.clock.Now().Sub(begun)
	d := s.describe(after, second)
	d.Rate, d.Rewind = rates(first, second, took), rewind
	return &d, nil
}

// rates fills in how the lag of each partition changed, and returns how all did.
func rates(first, second []GroupPartition, took time.Duration) *GroupRate {
	if took <= 0 {
		return nil
	}
	was := map[partitionKey]*GroupPartition{}
	for i := range first {
		was[partitionKey{first[i].Topic, first[i].Partition}] = &first[i]
	}
	var consumed, produced, lag int64
	uncommitted := 0
	for i := range second {
		p := &second[i]
		b := was[partitionKey{p.Topic, p.Partition}]
		if b == nil || p.Committed == nil || b.Committed == nil || p.Lag == nil {
			if p.Member != "" && p.Error == "" && p.End > p.LogStart {
				uncommitted++
			}
			continue
		}
		c, n, left := *p.Committed-*b.Committed, max(p.End-b.End, 0), p.Lag.Records
		if p.Lag.Markers {
			left = 0
		}
		p.Rate = rate(c, n, left, took)
		consumed, produced, lag = consumed+c, produced+n, lag+left
	}
	r := rate(consumed, produced, lag, took)
	r.Uncommitted = uncommitted
	return r
}

func rate(consumed, produced, lag int64, took time.Duration) *GroupRate {
	perSec := func(n int64) float64 { return math.Round(float64(n)/took.Seconds()*1000) / 1000 }
	r := &GroupRate{Consumed: perSec(consumed), Produced: perSec(produced)}
	var drain float64
	switch gain := r.Consumed - r.Produced; {
	case lag == 0:
	case gain <= 0:
		return r
	default:
		drain = math.Round(float64(lag)/gain*1000) / 1000
	}
	r.Drain = &drain
	return r
}
