package log

import (
	"fmt"
	"path"
	"strings"
)

// tellUnsynced traces what of each segment the disk may not have, before a life
// of it ends: what a later start misses is to be understood from the trace alone.
func (r *crashRun) tellUnsynced() {
	names, err := r.disk.List(crashDir)
	if err != nil {
		return // it never got as far as a directory
	}
	for _, name := range names {
		if !strings.HasSuffix(name, segmentSuffix) {
			continue
		}
		if u, err := r.disk.Unsynced(path.Join(crashDir, name)); err == nil && !u.IsZero() {
			r.tracef("  %s: %v", name, &u)
		}
	}
}

// tellDisk is what checkpoints count in the cold log and what its files hold: who
// vouches for what is gone.
func (r *crashRun) tellDisk() string {
	var b strings.Builder
	names, err := r.disk.List(crashDir)
	if err != nil {
		return err.Error()
	}
	for _, name := range names {
		if _, ok := parseCheckpointName(name); ok {
			fmt.Fprintf(&b, "\n%s: %s", name, r.tellCheckpoint(name))
		}
		if _, ok := parseColdName(name); ok {
			fmt.Fprintf(&b, "\n%s: %s", name, r.tellCold(name))
		}
	}
	return b.String()
}

func (r *crashRun) tellCheckpoint(name string) string {
	raw, err := readSmallFile(r.disk, crashDir, name)
	if err != nil {
		return err.Error()
	}
	c, err := decodeCheckpoint(raw)
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("at %d, synced %d, the cold log ends at %d", c.Position, c.Synced, c.ColdEnd)
	for _, x := range c.Cold {
		s += fmt.Sprintf("; %s holds %d bytes of batches, %d of them live", x.coldName(), x.HeldBytes, x.LiveBytes)
	}
	return s
}

func (r *crashRun) tellCold(name string) string {
	seg, err := openSegment(r.disk, crashDir, name)
	if seg != nil {
		defer seg.Release()
	}
	if err != nil {
		return err.Error()
	}
	n, held, end, synced, voucher := 0, 0, seg.First, seg.First, Position(0)
	found, err := scanCold(seg, 0, func(it *scanItem) error {
		if h := &it.Header; h.Kind.holdsBatches() {
			n, held = n+1, held+int(h.Payload-h.Kind.batchesAt())
		}
		if end = it.End; it.Header.Synced > synced {
			synced, voucher = it.Header.Synced, it.At
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("from %d to %d, %d entries with %d bytes of batches up to %d", seg.First, seg.limit(), n, held, end)
	if voucher > 0 {
		s += fmt.Sprintf("; that at %d says that up to %d all was durable", voucher, synced)
	}
	if len(found.unsure) > 0 {
		s += fmt.Sprintf("; nothing says so of %v", found.unsure)
	}
	return s
}
