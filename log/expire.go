package log

import "github.com/mainstem-mq/mainstem/internal/model"

// ExpiredStart returns the log start that retention asks for: see the rules in
// design section 4. maxAge in ms and maxBytes; negative means no limit. Only
// an expired prefix of whole batches below limit goes.
//
// A batch's age counts from the earlier of its largest timestamp and its
// append, so that a producer whose clock is ahead can not keep its records
// forever; without a timestamp it counts from its append. Size goes by what is
// left: a batch is spared if less than maxBytes would remain, as in Kafka.
func (p *PartitionLog) ExpiredStart(now, maxAge, maxBytes int64, limit model.Offset) (model.Offset, error) {
	start, total := p.startAndTotal()
	if maxAge < 0 && maxBytes < 0 || start >= limit {
		return start, nil // also of the many partitions that hold nothing
	}
	it, err := p.iterate(start)
	if err != nil {
		return start, err
	}
	left := int64(-1)
	for {
		e, _, ok, err := it.next()
		if err != nil || !ok || e.LastOffset() >= limit {
			return start, err
		}
		if left < 0 {
			// By the index: where a read has failed when the start was raised, the
			// partition is taken for larger than it is (applyLogStart).
			left = int64(total - (e.TotalBytes - uint64(e.Length)))
		}
		since := e.AppendTime
		if e.MaxTimestamp >= 0 {
			since = min(since, e.MaxTimestamp)
		}
		left -= int64(e.Length)
		old := maxAge >= 0 && now-since > maxAge
		if surplus := maxBytes >= 0 && left >= maxBytes; !old && !surplus {
			return start, nil
		}
		start = e.LastOffset() + 1
	}
}

// startAndTotal is the start, and TotalBytes of all that was appended.
func (p *PartitionLog) startAndTotal() (model.Offset, uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.start, p.mu.state.totals.bytes
}

// ExpireProducers forgets the idempotent producers, of all partitions, whose
// newest batch was appended before this time, ms, and returns how many. It is
// no entry of the log: after a restart some may be back, and expire again.
func (l *Log) ExpireProducers(before int64) int {
	expired := 0
	for _, p := range l.partitions.all() {
		p.mu.Lock()
		expired += p.mu.state.producers.expire(before)
		p.mu.Unlock()
	}
	return expired
}
