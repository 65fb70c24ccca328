package replication

import (
	"errors"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// pendingAppend is one batch between the partition's lock and the log's
// answer: one allocation for the log's unit of work, its header and its waiter.
type pendingAppend struct {
	unit   log.Append
	header [1]batch.Header
	wait   waiter
	part   *Partition
	// hold: the high watermark passes the batch only once it is durable.
	hold bool
	// fenced: only the generation that unit carries will do.
	fenced bool
	// coordinatorEpoch is a marker's.
	coordinatorEpoch int32
}

// Append checks a batch and queues it; it never blocks on the disk. done is
// called exactly once, from any goroutine (perhaps before Append returns),
// when the batch is below the high watermark or has failed; it must not
// block. The caller keeps its own hold on the buffer.
func (p *Partition) Append(r AppendRequest, done func(AppendResult)) {
	s := p.env.Settings(p.Topic())
	now := p.env.Clock.Now().UnixMilli()
	h, err, bad := checkBatch(&r, s, now)
	if err != nil {
		res := failure(err)
		res.RecordErrors = bad
		done(res)
		return
	}
	appendTime := stamp(&r, &h, s.LogAppendTime, now)
	a := &pendingAppend{part: p, fenced: r.Internal}
	a.header[0] = h
	a.wait.done = done
	a.wait.result = AppendResult{LogAppendTime: appendTime}
	a.unit = log.Append{
		Partition: p.log, Kind: log.KindBatches, Epoch: p.epoch,
		Payload: r.Batch, Buffer: r.Buffer, Done: a, Generation: r.Generation,
	}
	a.unit.Headers = a.header[:]
	if answer := p.enqueue(a, &r, s, now); answer != nil {
		done(*answer)
	}
}

// stamp makes the batch's kind of timestamps the topic's, and returns the append
// time that the answer has.
func stamp(r *AppendRequest, h *batch.Header, logAppendTime bool, nowMs int64) int64 {
	switch {
	case logAppendTime:
		h.CRC = batch.SetLogAppendTime(r.Batch, nowMs)
		h.MaxTimestamp = nowMs
		return nowMs
	case h.LogAppendTime(): // The client's claim, which Kafka drops as well.
		h.CRC = batch.SetCreateTime(r.Batch)
	}
	return -1
}

// enqueue gives the offset and queues the append, or returns the answer that
// can be given at once: a duplicate's below the watermark, or a refusal.
func (p *Partition) enqueue(a *pendingAppend, r *AppendRequest, s *cluster.TopicSettings, nowMs int64) *AppendResult {
	h := &a.header[0]
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refusalLocked(); err != nil {
		res := failure(err)
		return &res
	}
	if a.fenced && a.unit.Generation != p.mu.gen {
		res := failure(storageError(log.ErrStale))
		return &res
	}
	if h.ProducerID >= 0 {
		view := p.producerLocked(h.ProducerID, nowMs)
		if dup := view.duplicate(h); dup != nil {
			return p.duplicateLocked(a, dup)
		}
		if err := p.checkProducerLocked(&view, h, r); err != nil {
			res := failure(err)
			return &res
		}
	}
	p.placeLocked(a, s, nowMs)
	if h.IsTransactional() {
		p.txnsLocked().data(h.ProducerID, h.ProducerEpoch, h.BaseOffset, nowMs)
		p.listOpenLocked()
		p.forgetGuardLocked(h.ProducerID) // from now on the transaction itself vouches
	}
	p.env.Log.Enqueue(&a.unit)
	return nil
}

// checkProducerLocked applies all rules about producers, in Kafka's order.
func (p *Partition) checkProducerLocked(v *producerView, h *batch.Header, r *AppendRequest) *protocol.Error {
	verified, err := p.checkTxnLocked(h, r)
	if err == nil {
		err = checkSequence(v, h)
	}
	if err == nil {
		err = verified.checkFirst(v, h)
	}
	if err == nil {
		err = p.checkPlainLocked(h)
	}
	if err == nil {
		err = p.checkTxnRoomLocked(h, r)
	}
	return err
}

// placeLocked gives an append its offset, and has the partition go on behind it.
// The caller queues it under the same lock.
func (p *Partition) placeLocked(a *pendingAppend, s *cluster.TopicSettings, nowMs int64) {
	h := &a.header[0]
	h.BaseOffset, h.LeaderEpoch = p.mu.next, p.epoch
	batch.SetBaseOffset(a.unit.Payload, h.BaseOffset)
	batch.SetLeaderEpoch(a.unit.Payload, p.epoch)
	a.unit.BaseOffset = h.BaseOffset
	a.unit.Generation = p.mu.gen
	p.goOnLocked(a, int64(h.Records), s, nowMs)
}

// goOnLocked has the partition go on behind an append that has its offsets.
func (p *Partition) goOnLocked(a *pendingAppend, records int64, s *cluster.TopicSettings, nowMs int64) {
	last := a.unit.LastOffset()
	p.mu.next = last + 1
	a.wait.until = p.mu.next
	a.wait.result.BaseOffset, a.wait.result.LastOffset = a.unit.BaseOffset, last
	a.hold, a.unit.Sync = p.flushLocked(s, records, nowMs)
	if a.hold {
		p.mu.holdUntil = p.mu.next
	}
	p.mu.pending = append(p.mu.pending, a)
	p.mu.waiters.add(&a.wait)
}

func (p *Partition) refusalLocked() *protocol.Error {
	if p.mu.dropped != nil {
		return p.mu.dropped
	}
	if err := p.log.Refused(); err != nil {
		return storageError(err)
	}
	return nil
}

// duplicateLocked answers a repeated batch with its original's offsets, but
// not before the original is below the high watermark: an answer is a promise.
func (p *Partition) duplicateLocked(a *pendingAppend, original *log.ProducerBatch) *AppendResult {
	a.wait.until = original.LastOffset + 1
	a.wait.result.BaseOffset = original.LastOffset - model.Offset(original.OffsetDelta)
	a.wait.result.LastOffset = original.LastOffset
	if a.wait.result.LogAppendTime >= 0 {
		a.wait.result.LogAppendTime = original.Timestamp
	}
	if a.wait.until <= p.mu.hw {
		a.wait.result.LogStart = p.log.Start()
		return &a.wait.result
	}
	p.mu.waiters.add(&a.wait)
	return nil
}

// producerLocked merges the written state with the pending appends.
func (p *Partition) producerLocked(id model.ProducerID, nowMs int64) producerView {
	v := producerView{lastSequence: -1, coordinatorEpoch: -1}
	// Who has a transaction open is not forgotten, however long it idles.
	if st, ok := p.log.Producer(id); ok && (nowMs-st.LastTime < p.env.ProducerExpirationMs() || st.TxnFirst >= 0) {
		v.known, v.epoch, v.coordinatorEpoch = true, st.Epoch, st.CoordinatorEpoch
		v.recent = append(v.recent, st.Batches[:st.N]...)
		if st.N > 0 {
			v.lastSequence = st.Batches[st.N-1].LastSequence
		}
	}
	// The log's writer applies an append before it reports it, so the newest
	// written batches may be seen in both places.
	for _, a := range p.mu.pending {
		h := &a.header[0]
		if h.ProducerID == id && !v.holds(h) {
			v.take(a)
		}
	}
	if n := len(v.recent); n > log.ProducerBatchesMax {
		v.recent = v.recent[n-log.ProducerBatchesMax:]
	}
	return v
}

// holds reports whether the written state covers a pending batch already. Epochs
// never fall, so one of an older epoch is behind it as well.
func (v *producerView) holds(h *batch.Header) bool {
	n := len(v.recent)
	return v.known && h.ProducerEpoch < v.epoch || n > 0 && v.recent[n-1].LastOffset >= h.LastOffset()
}

// take goes on with a pending append. A marker has no place in the sequence,
// and leaves that of its own epoch as it is.
func (v *producerView) take(a *pendingAppend) {
	h := &a.header[0]
	if !v.known || h.ProducerEpoch > v.epoch {
		v.recent, v.lastSequence = v.recent[:0], -1
	}
	v.known, v.epoch = true, h.ProducerEpoch
	if h.IsControl() {
		v.coordinatorEpoch = max(v.coordinatorEpoch, a.coordinatorEpoch)
		return
	}
	if h.BaseSequence < 0 {
		return
	}
	v.lastSequence = h.LastSequence()
	v.recent = append(v.recent, log.ProducerBatch{
		FirstSequence: h.BaseSequence, LastSequence: v.lastSequence,
		LastOffset: h.LastOffset(), OffsetDelta: h.LastOffsetDelta, Timestamp: h.MaxTimestamp,
	})
}

// flushLocked decides, by the flush policy, whether the watermark waits for
// the disk (hold) and whether this append asks for a sync.
func (p *Partition) flushLocked(s *cluster.TopicSettings, records, nowMs int64) (hold, sync bool) {
	async := !s.Sync
	if p.mu.async && !async && !p.mu.syncing {
		// From async to sync: the policy changes once all that was served
		// unsynced is durable.
		p.mu.syncing = true
		p.env.Log.Sync(func(err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.mu.syncing = false
			if err == nil {
				p.mu.async = false
			}
		})
	} else if async {
		p.mu.async = true
	}
	if !async {
		return true, true
	}
	if p.mu.flushed == nil {
		p.mu.flushed = &flushed{}
	}
	f := p.mu.flushed
	f.since += records
	if f.since >= s.FlushMessages || nowMs-f.at >= s.FlushMs {
		*f = flushed{at: nowMs}
		return false, true
	}
	return false, false
}

// storageError turns the log's error into Kafka's, with words.
func storageError(err error) *protocol.Error {
	switch {
	case errors.Is(err, log.ErrCorrupt):
		return protocol.Errorf(protocol.CorruptMessage, "%v: nothing was truncated; see `mainstem log check`", err)
	case errors.Is(err, log.ErrOutOfRange):
		return protocol.Errorf(protocol.OffsetOutOfRange, "%v", err)
	case errors.Is(err, log.ErrDiskFull):
		return protocol.Errorf(protocol.KafkaStorageError, "the broker's disk is full: free space or lower retention; nothing was written")
	case errors.Is(err, log.ErrTooLarge):
		return protocol.Errorf(protocol.MessageTooLarge, "%v", err)
	default:
		return protocol.Errorf(protocol.KafkaStorageError, "%v", err)
	}
}
