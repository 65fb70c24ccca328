package compact

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// markers decides what becomes of transaction markers. A marker says how the
// records before it ended, so it stays while there are any: those of its
// producer since the marker before. It stays for a while after that too, like a
// tombstone, since readers may be on their way from records that have gone
// meanwhile.
type markers struct {
	data map[model.ProducerID]bool // was met since the producer's last marker
}

// saw takes a batch of a transaction, whether anything of it is kept or not: if
// nothing is, it is not the same compaction that finds its marker without data.
func (m *markers) saw(h *batch.Header) {
	if m.data == nil {
		m.data = make(map[model.ProducerID]bool)
	}
	m.data[h.ProducerID] = true
}

// alone takes a marker and reports whether there are no records that it ends.
func (m *markers) alone(h *batch.Header) bool {
	seen := m.data[h.ProducerID]
	delete(m.data, h.ProducerID)
	return !seen
}

// cleanControl is Clean for a control batch. One that ends no transaction is of
// a type that nobody here knows, and stays.
func (c *Cleaner) cleanControl(b []byte, h *batch.Header) ([]byte, error) {
	if _, ok, err := batch.ReadMarker(b, h); !ok || err != nil || !c.markers.alone(h) {
		return b, nil //nolint:nilerr // What is no marker is kept, whatever it is.
	}
	switch {
	case !h.HasDeleteHorizon():
		var err error
		c.out, err = batch.Filter(c.out[:0], b, h, batch.FilterOptions{Limit: unfoldMax, SetHorizon: true, DeleteHorizonMs: c.horizon()},
			func(*batch.Record) bool { return true })
		return c.out, named(h, err)
	case h.FirstTimestamp <= c.cfg.NowMs:
		c.stats.Markers++
		return nil, nil
	}
	return b, nil
}
