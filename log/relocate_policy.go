package log

// Which segments are relocated, and how fast.
//
// A segment is worth it once less than the share Config.RelocateBelow (f) of
// its batches' bytes lives. To move it costs f of its size in writes, at most, and gives 1-f back,
// at least; so
//
//   - space: every old segment is live to f at least, hence old data takes at
//     most 1/f of what lives; between f and 1 evenly spread, about half of that
//     excess. The newest segments, which are left alone, and what waits for
//     Reclaim come on top.
//   - writes: to give back what was appended, no more than f/(1-f) bytes are
//     moved for each byte appended, if what was moved dies together, as it does
//     where retention classes part it; f/(1-2f) if it dies as unevenly as
//     before, so f stays below one half.
//
// With the default of 0.4 that is at most 2/3 of a byte moved for one appended,
// and a mixture of three equal parts whose retentions lie far apart is moved
// once, when two of them are gone. A higher share saves space and costs writes.
const (
	relocateBelowDefault = 0.4
	// relocateRateDefault bounds what relocation reads and writes in a second,
	// besides what appends earn it.
	relocateRateDefault = 32 << 20
	// relocatePerAppended is how many bytes relocation may read and write for
	// each byte that is appended meanwhile. To keep up with the appends it reads
	// about one and writes f/(1-f); a rate alone would let a log that is written
	// faster grow to what its longest retention keeps of all bytes.
	relocatePerAppended = 2
	// relocateKeepDefault is how many of the newest segments are left alone: what
	// lives shortest dies there by itself.
	relocateKeepDefault = 4
)

// choose returns the oldest segment of which little enough lives. The oldest
// first, so that a segment of the cold log holds what is about equally old, and
// dies together.
func (r *relocator) choose() (segmentRange, bool) {
	l := r.log
	c, below := l.segments.all(), Position(l.keeper.last.Load())
	cold := l.coldLog.segments.all()
	r.forget(c, cold)
	for i, s := range c {
		// Above the checkpoint batches may be in memory only, as far as indexes go.
		end := c.end(i, below)
		if i+l.cfg.relocateKeep < len(c) && i+1 < len(c) && end <= below && r.worthIt(s) {
			return segmentRange{s, end}, true
		}
	}
	for _, s := range cold {
		if !l.coldLog.isOpen(s) && r.worthIt(s) {
			return segmentRange{s, s.limit()}, true
		}
	}
	return segmentRange{}, false
}

// worthIt judges by what the segment was given, not by its size: entries have
// headers, and to move them all would give nothing back. What holds nothing
// that lives goes as it is.
func (r *relocator) worthIt(s *segment) bool {
	live := s.live.Load()
	return live > 0 && !r.done[s] && r.little(live, s.held.Load())
}

// little reports whether so few bytes live, of all that a segment was given,
// that they are moved.
func (r *relocator) little(live, held int64) bool {
	return float64(live) < r.log.cfg.RelocateBelow*float64(max(held, live))
}

// forget lets go of segments that are no more.
func (r *relocator) forget(chains ...chain) {
	there := make(map[*segment]bool)
	for _, c := range chains {
		for _, s := range c {
			there[s] = true
		}
	}
	for s := range r.done {
		if !there[s] {
			delete(r.done, s)
		}
	}
}

// reclaimable is how many bytes on the disk hold nothing that lives, in
// segments that are not written any more.
func (l *Log) reclaimable() (bytes int64) {
	c := l.segments.all()
	for i, s := range c {
		if i+1 < len(c) {
			bytes += s.held.Load() - s.live.Load()
		}
	}
	for _, s := range l.coldLog.segments.all() {
		if !l.coldLog.isOpen(s) {
			bytes += s.held.Load() - s.live.Load()
		}
	}
	return max(bytes, 0)
}
