package log

import "github.com/mainstem-mq/mainstem/internal/model"

// Roll is where a partition's newest segment would begin if it had segments of
// its own, as in Kafka; all that is known to go on from there when more was
// appended. A walk begins with the offsets set to where a segment began.
type Roll struct {
	Base model.Offset // of the newest segment
	Seen model.Offset // what lies below was taken into account

	bytes int64 // of the newest segment
	first int64 // time of its first batch, ms
}

// Roll goes on with r over what was appended since, by Kafka's rules: a segment
// is full when the next batch would make it larger than so many bytes, or is so
// many ms younger than its first one, by their largest timestamps (by their
// appends, if these have none). It looks at the index only.
func (p *PartitionLog) Roll(r Roll, bytes, ms int64) (Roll, error) {
	if end := p.End(); r.Seen > end {
		// Truncated: the newest segment is what is left of it.
		r = Roll{Base: min(r.Base, end), Seen: min(r.Base, end)}
	}
	it, err := p.iterate(r.Seen)
	if err != nil {
		return r, err
	}
	for {
		e, _, ok, err := it.next()
		if err != nil || !ok {
			return r, err
		}
		if e.BaseOffset < r.Seen {
			continue // The walk begins inside it.
		}
		at := e.MaxTimestamp
		if at < 0 {
			at = e.AppendTime
		}
		size := int64(e.Length)
		if r.bytes > 0 && (r.bytes > bytes-size || at-r.first > ms) {
			r.Base, r.bytes = e.BaseOffset, 0
		}
		if r.bytes == 0 {
			r.first = at
		}
		r.bytes += size
		r.Seen = e.LastOffset() + 1
	}
}

// Younger returns the base offset of the first batch from an offset on, and
// below limit, whose largest timestamp (append time, if it has none) is after a
// time, ms; limit if there is none. It looks at the index only.
func (p *PartitionLog) Younger(from, limit model.Offset, after int64) (model.Offset, error) {
	it, err := p.iterate(from)
	if err != nil {
		return from, err
	}
	for {
		e, _, ok, err := it.next()
		if err != nil {
			return from, err
		}
		if !ok || e.BaseOffset >= limit {
			return limit, nil
		}
		at := e.MaxTimestamp
		if at < 0 {
			at = e.AppendTime
		}
		if at > after {
			return e.BaseOffset, nil
		}
	}
}
