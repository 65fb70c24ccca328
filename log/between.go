package log

import "github.com/mainstem-mq/mainstem/internal/model"

// BytesBetween is the size of the batches from the one that holds from up to
// limit, counted no further than enough. It looks at the index only; damage
// there counts as enough, so that a read finds it and says so.
func (p *PartitionLog) BytesBetween(from, limit model.Offset, enough int) int {
	it, err := p.iterate(from)
	if err != nil {
		return enough
	}
	n := 0
	for n < enough {
		e, _, ok, err := it.next()
		if err != nil {
			return enough
		}
		if !ok || e.LastOffset() >= limit {
			break
		}
		if p.log.damage.batchLost(p.id, &e) {
			continue // a read gives nothing of it: who waits for bytes must go on waiting
		}
		n += int(e.Length)
	}
	return n
}
