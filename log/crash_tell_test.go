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

// tellDisk is what checkpoints know, and what segments hold: who vouches for what
// is gone.
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
		_, main := parseSegmentName(name)
		if _, cold := parseColdName(name); cold || main {
			fmt.Fprintf(&b, "\n%s: %s", name, r.tellSegment(name))
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
	for _, x := range c.Segments {
		s += fmt.Sprintf("; %s", segmentName(x.First))
	}
	for _, x := range c.Cold {
		s += fmt.Sprintf("; %s holds %d bytes of batches, %d of them live", x.coldName(), x.HeldBytes, x.LiveBytes)
	}
	return s
}

// tellSegment looks at one segment as if there was no other.
func (r *crashRun) tellSegment(name string) string {
	seg, err := openSegment(r.disk, crashDir, name)
	if seg != nil {
		defer seg.Release()
	}
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("generation %d, from %d to %d; starts %d, follows %x, is %x", seg.Generation, seg.First, seg.limit(),
		seg.UncleanStarts, seg.PreviousSalt, seg.Salt)
	scan, kinds, voucher := newScanner(chain{seg}, seg.First), map[string]int{}, scanItem{}
	for {
		it, err := scan.next()
		if err != nil {
			return fmt.Sprintf("%s; %v; at %d: durable up to %d", s, kinds, voucher.At, voucher.Header.Synced)
		}
		if it.Kind != scanEntry {
			s += fmt.Sprintf("; [%d, %d): %v", it.At, it.End, it.Why)
			continue
		}
		kinds[it.Header.Kind.String()]++
		if it.Header.Synced > voucher.Header.Synced {
			voucher = it
		}
	}
}
