package server

import (
	"context"
	"sync"

	"github.com/mainstem-mq/mainstem/coordinator"
)

// ends knows where partitions end at about one moment, so that who looks at
// thousands of groups asks each partition once.
type ends struct {
	s      *Server
	topics map[string][]int64
}

// endUnknown stands for a partition that is not here.
const endUnknown = -1

func (s *Server) newEnds() *ends { return &ends{s, map[string][]int64{}} }

// of is where the partitions of a topic end.
func (e *ends) of(topic string) []int64 {
	all, ok := e.topics[topic]
	if ok {
		return all
	}
	all = make([]int64, partitionCounts(e.s.meta.Image())(topic))
	for i := range all {
		all[i] = endUnknown
		if p, err := e.s.partitions.Find(topic, int32(i)); err == nil {
			all[i] = int64(p.Offsets().HighWatermark)
		}
	}
	e.topics[topic] = all
	return all
}

// eachLag tells the committed offsets of a topic whose lag is known, and the lags in
// records; it returns their number.
func (e *ends) eachLag(t *coordinator.TopicOffsets, yield func(offset, lag int64)) (known int) {
	all := e.of(t.Topic)
	for _, c := range t.Partitions {
		if c.Offset < 0 || c.Partition < 0 || int(c.Partition) >= len(all) || all[c.Partition] == endUnknown {
			continue
		}
		known++
		yield(c.Offset, max(all[c.Partition]-c.Offset, 0))
	}
	return known
}

// lag is a group's in records alone.
func (e *ends) lag(v *coordinator.GroupView) (sum Lag) {
	for i := range v.Offsets {
		e.eachLag(&v.Offsets[i], func(_, lag int64) { sum.Records += lag })
	}
	sum.Unmeasured = sum.Records > 0
	return sum
}

// looks are looks at all groups. One is under way at a time; who asks meanwhile
// shares the next one with all others who do, and so sees what it did before.
type looks struct {
	look  func() ([]coordinator.GroupView, error)
	start func(run func()) bool // in a goroutine; false: no more

	mu      sync.Mutex
	running bool
	next    *look // nil: nobody waits
}

type look struct {
	done  chan struct{}
	views []coordinator.GroupView // not to be changed
	err   error
}

// all are the groups as of a look that begins now or later. The views are others' too.
func (l *looks) all(ctx context.Context) ([]coordinator.GroupView, error) {
	l.mu.Lock()
	if l.next == nil {
		l.next = &look{done: make(chan struct{})}
	}
	mine := l.next
	if !l.running {
		l.running = l.start(l.run)
	}
	started := l.running
	l.mu.Unlock()
	if !started {
		return nil, errAskerGone()
	}
	select {
	case <-mine.done:
		return mine.views, mine.err
	case <-ctx.Done():
		return nil, errAskerGone()
	}
}

// run looks until nobody waits.
func (l *looks) run() {
	for {
		l.mu.Lock()
		now := l.next
		l.next, l.running = nil, now != nil
		l.mu.Unlock()
		if now == nil {
			return
		}
		now.views, now.err = l.look()
		close(now.done)
	}
}
