package log

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// RetentionClass tells records that live about as long from others: what is
// relocated is kept together by it, so that it dies together.
type RetentionClass uint8

// retentionClassMax is the highest class, for what is never deleted.
const retentionClassMax = RetentionClass(coldMax - 1)

// RetentionClassOf is the class of a retention time; a negative one means that
// there is no limit. Classes are powers of two of hours.
func RetentionClassOf(retentionMs int64) RetentionClass {
	if retentionMs < 0 {
		return retentionClassMax
	}
	class := RetentionClass(0)
	for hours := retentionMs / (60 * 60 * 1000); hours > 0; hours /= 2 {
		class++
	}
	return class
}

// log is where the class's records go when they are relocated.
func (c RetentionClass) log() logID { return logID(min(c, retentionClassMax)) + 1 }

// coldLog holds what was relocated from old segments, of the main log or its
// own, so that these could go, and what compactions left. Its segments are files
// like those of the main log, each of one retention class, or of one bucket of
// compacted partitions (side segments). Unlike the main log
//   - it is a heap of segments, not a sequence: each stands for itself, and a
//     life of the log appends only to those that it made;
//   - it holds batches and nothing else: truncations and log starts are told by
//     the main log alone;
//   - a batch may stand in it more than once: made from one another, with the same
//     bytes. A rebuild takes the copy at the lowest Position (copies.go): a later one
//     may not have become durable, and the earlier goes only once it has. Where no
//     entry says that the one it takes is durable it is written again;
//   - cleaned batches count only once the main log names their run.
//
// All classes and buckets draw their Positions from one counter, which never goes
// back. So a Position names one place in the whole cold log, for ever, and a later
// copy has a higher one.
type coldLog struct {
	segments *segments
	padding  bool

	mu struct {
		sync.Mutex
		end Position // the next segment begins here
		// open are segments that still grow, or hold copies that no index speaks of
		// yet, and whose they are: that nothing in them lives does not mean that they
		// are dead.
		open map[*segment]*coldWriters
	}
}

// coldWriters are the segments to which one goroutine, the relocator's or the
// compactor's, appends.
type coldWriters struct {
	log      *coldLog
	byStream map[coldStream]*coldWriter
	sealed   []*coldWriter // since settled was called last
	unwanted bool          // what was copied since then is to be taken back
	// uncertain says that entries may name a run which no index speaks of: what a
	// failed write left behind the end of the main log. None of the segments goes
	// until that is cut off.
	uncertain bool
}

func (c *coldLog) newWriters() *coldWriters {
	return &coldWriters{log: c, byStream: make(map[coldStream]*coldWriter)}
}

// coldStream is what is written end to end. What is moved again is old, and
// most often dies before what is moved for the first time: the two of one class
// have segments of their own.
type coldStream struct {
	log   logID
	again bool
}

// coldSlack is what a segment of the cold log is larger than one of the main
// log: any entry must fit with what is added to it.
const coldSlack = 4096

func newColdLog(fsys vfs.FS, dir string, cfg *Config) *coldLog {
	c := &coldLog{
		segments: newSegments(fsys, dir, cfg.SegmentBytes+coldSlack),
		padding:  cfg.PadGroups,
	}
	c.segments.temp, c.segments.lazy = "cold-next", true
	c.mu.open = make(map[*segment]*coldWriters)
	return c
}

// end is where the next segment will begin, at least.
func (c *coldLog) end() Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.end
}

// raiseEnd makes sure that no segment will begin below a Position.
func (c *coldLog) raiseEnd(to Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.end = max(c.mu.end, to)
}

// isOpen reports whether a segment may get live bytes yet.
func (c *coldLog) isOpen(s *segment) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.open[s] != nil
}

// add makes a segment for a log, durably.
func (c *coldLog) add(log logID, owner *coldWriters) (*segment, error) {
	c.mu.Lock()
	first := c.mu.end
	c.mu.end += Position(c.segments.bytes - segmentHeaderSize)
	c.mu.Unlock()
	header := segmentHeader{
		Log: log, First: first, Salt: newSalt(), Generation: 1, IsFirst: true, PreviousEnd: first, UncleanStarts: c.segments.starts,
	}
	spare, err := c.segments.takeSpare()
	if err != nil {
		return nil, err
	}
	seg, err := c.segments.finish(spare, header)
	if err != nil {
		return nil, errors.Join(err, c.segments.discard(spare))
	}
	c.mu.Lock()
	c.mu.open[seg] = owner
	c.mu.Unlock()
	c.segments.append(seg)
	return seg, nil
}

// writer returns a stream's writer with room for an entry of so many bytes.
func (c *coldWriters) writer(to coldStream, size int) (*coldWriter, error) {
	w := c.byStream[to]
	if w != nil && w.room() >= size {
		return w, nil
	}
	if w != nil {
		if err := w.seal(); err != nil {
			return nil, err
		}
		c.abandon(to)
		c.sealed = append(c.sealed, w)
	}
	seg, err := c.log.add(to.log, c)
	if err != nil {
		return nil, err
	}
	w = newColdWriter(seg, c.log.padding)
	c.byStream[to] = w
	if w.room() < size {
		return nil, fmt.Errorf("%w: an entry of %d bytes does not fit into a segment of the cold log", ErrTooLarge, size)
	}
	return w, nil
}

// sync makes durable what was copied.
func (c *coldWriters) sync() error {
	for _, w := range c.byStream {
		if err := w.sync(); err != nil {
			return err
		}
	}
	return nil
}

// abandon ends a segment: the next copy goes into another.
func (c *coldWriters) abandon(to coldStream) { delete(c.byStream, to) }

// giveUp hears that no index will ever speak of what was copied since settled
// was called last, whatever was in the way. Who gets an error from any of these
// has to call it: what could not be written may stand in the middle.
func (c *coldWriters) giveUp() { c.unwanted = true }

// takeBack gives the room of unwanted copies back: a full disk has better uses
// for it, what failed once may fail for each segment, and among batches that live
// long it would stay as long as they do. Their segments end
// before them, since a Position is given once.
func (c *coldWriters) takeBack() {
	for to, w := range c.byStream {
		if w.written != w.settled {
			c.abandon(to)
			w.takeBack()
		}
	}
	for _, w := range c.sealed {
		w.takeBack()
	}
}

// counted hears that indexes speak of all that was copied: segments hold it from
// here on, as checkpoints tell.
func (c *coldWriters) counted() {
	for _, w := range c.byStream {
		w.count()
	}
	for _, w := range c.sealed {
		w.count()
	}
}

// settled hears that indexes speak of all that was copied, or never will: what
// does not grow any more counts from here on like any other segment. One in
// which nothing lives need not be filled.
func (c *coldWriters) settled() {
	if c.unwanted {
		c.takeBack()
	} else {
		c.counted()
	}
	c.unwanted, c.sealed = false, nil
	for to, w := range c.byStream {
		if err := w.settle(); err != nil {
			c.abandon(to)
		}
	}
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	maps.DeleteFunc(c.log.mu.open, func(_ *segment, owner *coldWriters) bool { return owner == c && !c.uncertain })
	for to, w := range c.byStream {
		if w.seg.live.Load() == 0 {
			c.abandon(to)
			continue
		}
		c.log.mu.open[w.seg] = c
	}
}

// segmentsOf are the segments of a log.
func (l *Log) segmentsOf(log logID) *segments {
	if log == mainLog {
		return l.segments
	}
	return l.coldLog.segments
}
