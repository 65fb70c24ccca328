package replication

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Marker ends a transaction in one partition.
type Marker struct {
	Partition        *Partition
	Producer         model.ProducerID
	Epoch            model.ProducerEpoch
	Commit           bool // else abort
	CoordinatorEpoch int32
	// BumpedEpoch says that the marker's epoch is above that of the transaction's
	// records (transaction version 2): it fences its own transaction's stragglers.
	BumpedEpoch bool
	// Internal is set for one that stands among a coordinator's own records, which
	// it may not follow if some of them were lost: see AppendRequest.Generation.
	Internal   bool
	Generation uint32
}

// MarkerResult is the fate of a marker. It is below the high watermark where Err
// is nil.
type MarkerResult struct {
	Err    *protocol.Error
	Offset model.Offset // -1 if it failed
}

// AppendMarkers queues markers at once. done gets one result for each, in their
// order, from any goroutine (perhaps before AppendMarkers returns), once each is
// below its high watermark or has failed; it must not block. There is at most
// one marker for a partition.
//
// The markers of a transaction go in one append because that is cheap. Nothing
// rests on it: PrepareCommit stands durable before them, and a start that finds
// it without CompleteCommit writes them all again; a second marker changes
// nothing.
func (ps *Partitions) AppendMarkers(ms []Marker, done func([]MarkerResult)) {
	g := &markerGroup{results: make([]MarkerResult, len(ms)), done: done}
	g.left.Store(1)
	order := make([]int, len(ms))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ms[a].Partition.log.ID(), ms[b].Partition.log.ID()) })
	for k := 1; k < len(order); k++ {
		if id := ms[order[k]].Partition.log.ID(); id == ms[order[k-1]].Partition.log.ID() {
			panic(fmt.Sprintf("replication: two markers for partition %d in one append", id))
		}
	}
	g.enqueue(&ps.env, ms, order)
	g.finish()
}

// markerGroup gathers what becomes of markers that were queued together.
type markerGroup struct {
	results []MarkerResult
	done    func([]MarkerResult)
	left    atomic.Int32 // that have no result yet, and one for who queues them
}

// finish takes note that a result is there.
func (g *markerGroup) finish() {
	if g.left.Add(-1) == 0 {
		g.done(g.results)
	}
}

// enqueue gives all markers their offsets and queues them with one call, under
// the locks of all their partitions. It is the only place that holds several,
// ascending by partition id.
func (g *markerGroup) enqueue(env *Env, ms []Marker, order []int) {
	now := env.Clock.Now().UnixMilli()
	slab := make([]byte, 0, len(ms)*batch.MarkerSize)
	appends := make([]markerAppend, len(ms))
	units := make([]*log.Append, 0, len(ms))
	for i := range ms {
		m := &ms[i]
		slab = batch.AppendMarker(slab, &batch.Marker{
			Producer: m.Producer, Epoch: m.Epoch, Commit: m.Commit, CoordinatorEpoch: m.CoordinatorEpoch, Timestamp: now,
		})
		appends[i].make(m, slab[i*batch.MarkerSize:(i+1)*batch.MarkerSize], now, func(r AppendResult) {
			g.results[i] = MarkerResult{Err: r.Err, Offset: r.BaseOffset}
			g.finish()
		})
	}
	for _, i := range order {
		ms[i].Partition.mu.Lock()
	}
	for _, i := range order {
		a := &appends[i]
		if err := a.part.refuseMarkerLocked(&ms[i], Ahead{}, now); err != nil {
			g.results[i] = MarkerResult{Err: err, Offset: -1}
			continue
		}
		a.placeLocked(now)
		g.left.Add(1)
		units = append(units, &a.unit)
	}
	env.Log.EnqueueAll(units)
	for _, i := range order {
		ms[i].Partition.mu.Unlock()
	}
}

// markerAppend is a marker on its way.
type markerAppend struct {
	pendingAppend

	settings *cluster.TopicSettings
}

// make fills it in; b is the marker's batch.
func (a *markerAppend) make(m *Marker, b []byte, nowMs int64, done func(AppendResult)) {
	p := m.Partition
	a.settings = p.env.Settings(p.Topic())
	if a.settings.LogAppendTime {
		batch.SetLogAppendTime(b, nowMs)
	}
	h, err := batch.Parse(b)
	if err != nil {
		panic(fmt.Sprintf("replication: a marker that was made here: %v", err))
	}
	a.part, a.coordinatorEpoch = p, m.CoordinatorEpoch
	a.header[0] = h
	a.wait.done = done
	a.wait.result = AppendResult{LogAppendTime: -1}
	a.unit = log.Append{Partition: p.log, Kind: log.KindBatches, Epoch: p.epoch, Payload: b, Done: &a.pendingAppend}
	a.unit.Headers = a.header[:]
}

// refuseMarkerLocked judges a marker that comes behind what is ahead. One whose
// transaction is unknown is taken: it fences the producer, or is written once more
// after a restart.
func (p *Partition) refuseMarkerLocked(m *Marker, ahead Ahead, nowMs int64) *protocol.Error {
	if err := p.refusalLocked(); err != nil {
		return err
	}
	if m.Internal && m.Generation != p.mu.gen {
		return storageError(log.ErrStale)
	}
	if m.Producer < 0 || m.Epoch < 0 {
		return protocol.Errorf(protocol.InvalidRequest, "a marker for producer %d, epoch %d: neither can be negative", m.Producer, m.Epoch)
	}
	v := p.producerLocked(m.Producer, nowMs)
	v.follow(ahead)
	open := ahead.Open || !ahead.Ended && p.mu.txns.open(m.Producer) != nil
	switch {
	case !v.known:
		return nil
	case m.CoordinatorEpoch < v.coordinatorEpoch:
		return protocol.Errorf(protocol.TransactionCoordinatorFenced,
			"coordinator epoch %d is over for producer %d: epoch %d has written a marker here", m.CoordinatorEpoch, m.Producer, v.coordinatorEpoch)
	case m.Epoch < v.epoch:
		return protocol.Errorf(protocol.InvalidProducerEpoch,
			"a marker of epoch %d for producer %d, which has written with epoch %d here", m.Epoch, m.Producer, v.epoch)
	case m.BumpedEpoch && m.Epoch == v.epoch && open:
		return protocol.Errorf(protocol.InvalidProducerEpoch,
			"a marker of epoch %d for producer %d, which has begun its next transaction with that epoch here", m.Epoch, m.Producer)
	}
	return nil
}

// placeLocked gives the marker its offset. It is answered once it is durable,
// whatever the topic's flush policy.
func (a *markerAppend) placeLocked(nowMs int64) {
	p, h := a.part, &a.header[0]
	p.placeLocked(&a.pendingAppend, a.settings, nowMs)
	a.hold, a.unit.Sync = true, true
	p.mu.holdUntil = p.mu.next
	p.mu.txns.end(h.ProducerID, h.BaseOffset)
	p.forgetGuardLocked(h.ProducerID)
}
