package compact

import (
	"errors"
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// unfoldMax is what a compressed batch may hold to be looked into: what
// producers may send to a compacted topic. A batch that holds more was sent
// before the topic was compacted; it is kept as it is.
const unfoldMax = 64 << 20

// ErrManyKeys says that the keys of a single batch do not fit the map.
var ErrManyKeys = errors.New("one batch has more keys than the map of keys has room for")

// ErrUndecodable says that the records of a batch make no sense, though its bytes
// are those that a producer sent: nobody looks at records before a topic is
// compacted. What has become of stored bytes is another matter (batch.ErrCorrupt
// without this).
var ErrUndecodable = errors.New("its records cannot be decoded, and were sent like that")

// Config is what a compaction goes by.
type Config struct {
	Keys *KeyMap // Reset by the caller
	// NowMs is the time of the compaction, in milliseconds since 1970.
	NowMs int64
	// DeleteRetentionMs is how long a tombstone stays, from the first compaction
	// that keeps it.
	DeleteRetentionMs int64
	// Aborted tells batches of aborted transactions, which go as a whole and
	// whose keys count for nothing. nil: there are no transactions.
	Aborted func(*batch.Header) bool
}

// Stats count what a compaction has seen.
type Stats struct {
	RecordsRead, RecordsKept int64 // by Clean
	Superseded               int64 // records that went for a later one with their key
	Tombstones               int64 // that went, their time over
	Keyless                  int64 // records that went for want of a key
	Aborted                  int64 // records that went with their transaction
	Markers                  int64 // that went, their transactions without a record
	Unread                   int64 // batches kept as they are, as they hold too much
	Keys                     int   // in the map
}

// add counts a batch.
func (s *Stats) add(b *Stats) {
	s.RecordsRead += b.RecordsRead
	s.RecordsKept += b.RecordsKept
	s.Superseded += b.Superseded
	s.Tombstones += b.Tombstones
	s.Keyless += b.Keyless
}

// Cleaner is one compaction of one partition; see log.BatchCleaner.
type Cleaner struct {
	cfg   Config
	stats Stats
	// learnt is whether a batch fitted. blind is whether one that Clean could
	// not look into was kept: it may hold an older value of any key.
	learnt, blind bool
	markers       markers
	keep          []bool // of the batch at hand, by record
	probes        []probe
	out           []byte
}

// New begins a compaction.
func New(cfg Config) *Cleaner { return &Cleaner{cfg: cfg} }

// Stats are the figures so far.
func (c *Cleaner) Stats() Stats {
	s := c.stats
	s.Keys = c.cfg.Keys.used
	return s
}

// errFull ends the walk over a batch.
var errFull = errors.New("full")

// Learn notes the keys of a batch. If it is full, some of the batch's keys are
// in the map: that does no harm, as the batch stays where it is, and what it
// supersedes may go. Errors: those of a damaged batch, ErrManyKeys,
// ErrUndecodable.
func (c *Cleaner) Learn(b []byte) (full bool, err error) {
	h, err := sound(b)
	if err != nil {
		return false, err
	}
	if h.IsControl() || c.aborted(&h) {
		c.learnt = true
		return false, nil
	}
	c.probes = c.probes[:0]
	err = batch.Records(b, &h, unfoldMax, func(r batch.Record) error {
		if r.Key == nil {
			return nil
		}
		c.probes = append(c.probes, c.cfg.Keys.probe(r.Key, h.BaseOffset+model.Offset(r.OffsetDelta)))
		if len(c.probes) == probesMax {
			return c.learn()
		}
		return nil
	})
	if err == nil {
		err = c.learn()
	}
	switch {
	case errors.Is(err, errFull) && c.learnt:
		return true, nil
	case errors.Is(err, errFull):
		return false, fmt.Errorf("%w: the one at offset %d has more than %d", ErrManyKeys, h.BaseOffset, c.cfg.Keys.room)
	case errors.Is(err, batch.ErrTooLarge):
		err = nil // What was not learnt makes nothing go.
	}
	c.learnt = true
	return false, undecodable(&h, err)
}

// learn puts the keys that were gathered into the map.
func (c *Cleaner) learn() error {
	c.cfg.Keys.fetch(c.probes)
	for i := range c.probes {
		if !c.cfg.Keys.put(&c.probes[i]) {
			return errFull
		}
	}
	c.probes = c.probes[:0]
	return nil
}

// Clean returns what is kept of a batch: b itself, a batch that is valid until
// the next call, or nil for nothing. Errors: those of a damaged batch,
// ErrUndecodable.
func (c *Cleaner) Clean(b []byte) ([]byte, error) {
	h, err := sound(b)
	if err != nil {
		return nil, err
	}
	if h.IsControl() {
		return c.cleanControl(b, &h)
	}
	if h.IsTransactional() {
		c.markers.saw(&h)
	}
	if c.aborted(&h) {
		c.stats.RecordsRead += int64(h.Records)
		c.stats.Aborted += int64(h.Records)
		return nil, nil
	}
	d, err := c.decide(b, &h)
	switch {
	case errors.Is(err, batch.ErrTooLarge):
		c.blind = true
		c.stats.Unread++
		return b, nil
	case err != nil:
		return nil, undecodable(&h, err)
	}
	c.stats.add(&d.Stats)
	opt := batch.FilterOptions{Limit: unfoldMax, SetHorizon: d.tombstones && !h.HasDeleteHorizon(), DeleteHorizonMs: c.horizon()}
	switch {
	case d.RecordsKept == 0:
		return nil, nil
	case d.RecordsKept == int64(h.Records) && !opt.SetHorizon:
		return b, nil
	}
	i := -1
	c.out, err = batch.Filter(c.out[:0], b, &h, opt, func(*batch.Record) bool {
		i++
		return c.keep[i]
	})
	return c.out, named(&h, err)
}

// horizon is the time from which tombstones that are kept now may go.
func (c *Cleaner) horizon() int64 {
	if c.cfg.DeleteRetentionMs > math.MaxInt64-c.cfg.NowMs {
		return math.MaxInt64
	}
	return c.cfg.NowMs + c.cfg.DeleteRetentionMs
}

// decision is what is kept of a batch.
type decision struct {
	Stats // of the batch alone

	tombstones bool // are among what is kept
	expired    bool // whatever tombstones there are, their time is over
}

// decide fills keep.
func (c *Cleaner) decide(b []byte, h *batch.Header) (decision, error) {
	d := decision{expired: h.HasDeleteHorizon() && h.FirstTimestamp <= c.cfg.NowMs && !c.blind}
	c.keep, c.probes = c.keep[:0], c.probes[:0]
	err := batch.Records(b, h, unfoldMax, func(r batch.Record) error {
		d.RecordsRead++
		c.keep = append(c.keep, false)
		if r.Key == nil {
			d.Keyless++
			return nil
		}
		p := c.cfg.Keys.probe(r.Key, h.BaseOffset+model.Offset(r.OffsetDelta))
		p.index, p.tombstone = len(c.keep)-1, r.Value == nil
		if c.probes = append(c.probes, p); len(c.probes) == probesMax {
			c.judge(&d)
		}
		return nil
	})
	c.judge(&d)
	return d, err
}

// judge decides about the records that were gathered.
func (c *Cleaner) judge(d *decision) {
	c.cfg.Keys.fetch(c.probes)
	for i := range c.probes {
		p := &c.probes[i]
		switch {
		case c.cfg.Keys.newest(p) > p.at:
			d.Superseded++
		case p.tombstone && d.expired:
			d.Tombstones++
		default:
			c.keep[p.index] = true
			d.RecordsKept++
			d.tombstones = d.tombstones || p.tombstone
		}
	}
	c.probes = c.probes[:0]
}

func (c *Cleaner) aborted(h *batch.Header) bool {
	return c.cfg.Aborted != nil && h.IsTransactional() && c.cfg.Aborted(h)
}

// sound parses a batch and checks its CRC: what is made of it gets a new one.
func sound(b []byte) (batch.Header, error) {
	h, err := batch.Parse(b)
	if err != nil {
		return h, err //nolint:wrapcheck // It says all.
	}
	if h.Size != len(b) {
		return h, fmt.Errorf("%w: %d bytes follow the batch at offset %d", batch.ErrInvalid, len(b)-h.Size, h.BaseOffset)
	}
	return h, named(&h, batch.Verify(b, &h))
}

// named says which batch an error is about.
func named(h *batch.Header, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the batch at offset %d: %w", h.BaseOffset, err)
}

// undecodable is named for a batch whose CRC is right.
func undecodable(h *batch.Header, err error) error {
	if err == nil {
		return nil
	}
	return named(h, fmt.Errorf("%w: %w", ErrUndecodable, err))
}
