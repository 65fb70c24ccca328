package log

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/log/index"
)

// markHealth is the state of the start mark.
type markHealth struct {
	fault   error // nil: it is good
	refuses bool  // the start is refused because of it
	unsure  bool  // nor do all segments tell what it told
}

// segmentLoss is a segment that a start can not do without: its file is
// missing, or shorter than the checkpoint stands.
type segmentLoss struct {
	segmentHeader

	End      Position // a file in its place must reach up to here
	Short    string   // the file that is too short, or ""
	Headless bool     // and its header is damaged as well
	Intact   bool     // nothing but the header is damaged: it is written anew
}

// headers takes what openChain heard of damaged headers, and counts segments.
func (c *checker) headers() {
	for _, e := range c.events {
		if x, ok := e.(CorruptionFound); ok {
			name := cmp.Or(x.File, segmentName(x.Range.From))
			c.damage(KindOfSegments, name, x.Range, x.What, c.withoutHeader(name))
		}
		if x, ok := e.(SalvagedUnreadable); ok {
			c.damage(KindOfSalvage, salvagedName, PositionRange{}, x.Why.Error(), "ask `mainstem log salvage` again for what it had given up")
		}
	}
	r := c.recovery
	c.report.heal.mark = markHealth{fault: r.markFault, refuses: errors.Is(c.refused, errStartMark)}
	c.report.heal.starts, c.report.heal.end = r.mark.UncleanStarts, r.mark.End
	for _, s := range r.log.segments.all() {
		c.report.Segments++
		c.report.Bytes += s.size.Load()
		c.report.heal.mark.unsure = c.report.heal.mark.unsure || s.repaired
	}
	for _, s := range r.log.coldLog.segments.all() {
		c.report.ColdSegments++
		c.report.ColdBytes += s.size.Load()
	}
	for _, a := range r.coldLost {
		c.note(KindOfSegments, a.name, PositionRange{}, a.why+"; no checkpoint names it, so nothing that lives is in it: the next start sets it aside, if it needs not make indexes anew")
	}
	switch fault := r.markFault; {
	case fault == nil || len(r.log.segments.all()) == 0:
	case errors.Is(fault, fs.ErrNotExist):
		c.damage(KindOfStart, startMarkName, PositionRange{}, "the start mark is missing",
			"the next start makes it anew from the headers of the segments, and counts as unclean")
	case !c.report.heal.mark.refuses:
		c.damage(KindOfStart, startMarkName, PositionRange{}, fault.Error(),
			"the next start makes it anew from the headers of the segments, and counts as unclean")
	}
}

// withoutHeader says what to do about a segment whose header is damaged.
func (c *checker) withoutHeader(name string) string {
	l := c.recovery.log
	for _, s := range slices.Concat(l.segments.all(), l.coldLog.segments.all()) {
		if s.name == name && s.limit() == s.First {
			return "the file is empty: put it back from a copy; or `mainstem log salvage` gives up what it held, if it held anything"
		}
	}
	return "the broker starts without it, and no bytes of the log are lost by that; `mainstem log salvage` writes it anew"
}

// knows reports whether something is planned for a segment already.
func (h *healing) knows(s *segment) bool {
	return slices.ContainsFunc(h.segments, func(x segmentLoss) bool { return x.Log == s.Log && x.First == s.First })
}

// headless plans a new header for segments that have lost theirs, but for the
// newest where its file is empty: a start goes on without them, and nothing else
// would end the finding.
func (c *checker) headless() {
	heal, chain := &c.report.heal, c.recovery.log.segments.all()
	for _, s := range slices.Concat(chain, c.recovery.log.coldLog.segments.all()) {
		if s.repaired && s.limit() > s.First && !heal.knows(s) {
			x := segmentLoss{segmentHeader: s.segmentHeader, End: s.limit(), Short: s.name, Headless: true, Intact: true}
			x.UncleanStarts = c.recovery.mark.UncleanStarts
			if s.Log == mainLog {
				x.IsFirst = s.IsFirst && s.First == 0 // others may have stood before it
			}
			heal.segments = append(heal.segments, x)
		}
	}
	for i, s := range chain {
		if !s.repaired || s.limit() > s.First || i+1 == len(chain) || heal.knows(s) {
			continue
		}
		x := segmentLoss{segmentHeader: s.segmentHeader, End: s.First, Short: s.name, Headless: true}
		if x.UncleanStarts = c.recovery.mark.UncleanStarts; chain[i+1].PreviousSalt == s.Salt {
			x.End = chain[i+1].First
		}
		heal.segments = append(heal.segments, x)
	}
}

// files checks what is not a segment.
func (c *checker) files() error {
	r := c.recovery
	for _, a := range r.aside {
		if _, ok := parseCheckpointName(a.name); ok {
			c.damage(KindOfCheckpoint, a.name, PositionRange{}, a.why, "nothing has to be done: the next start sets it aside, and begins from an older one or reads all of the log")
			continue
		}
		c.note(KindOfSegments, a.name, PositionRange{}, a.why+"; the next start sets it aside")
	}
	if len(r.checkpoints) == 0 && len(r.log.segments.all()) > 0 {
		c.note(KindOfCheckpoint, "", PositionRange{}, "there is no checkpoint: the next start reads all of the log")
	}
	named := make(map[string]bool)
	for i, k := range r.checkpoints {
		for _, x := range k.Indexes {
			name := index.FileName(x.ID)
			named[name] = true
			if i > 0 && i < checkpointsKept && !slices.Contains(c.names, name) && !c.wasSetAside(name) {
				c.damage(KindOfCheckpoint, checkpointName(k.Generation), PositionRange{}, "index file "+name+", which it names, is missing",
					"nothing has to be done: it is the older checkpoint, which is needed only if the newest one is lost too; that start would read all of the log")
			}
		}
	}
	for _, name := range c.names {
		if err := c.file(name, named); err != nil {
			return err
		}
	}
	c.report.heal.before = &salvaged{Ranges: r.log.damage.main.accepted, Cold: r.log.damage.cold.accepted}
	for id, list := range r.log.damage.lost {
		for _, x := range list {
			c.report.heal.before.Offsets = append(c.report.heal.before.Offsets, lostOffsets{id, x.from, x.to})
		}
	}
	return nil
}

func (c *checker) file(name string, named map[string]bool) error {
	switch {
	case strings.HasPrefix(name, quarantinePrefix):
		c.aside(name)
	case isIndexName(name):
		c.report.heal.indexes = append(c.report.heal.indexes, name)
		if !named[name] {
			c.note(KindOfIndexes, name, PositionRange{}, "no checkpoint names it: the next start removes it")
			return nil
		}
		return c.index(name)
	case strings.HasSuffix(name, tempSuffix) || strings.HasSuffix(name, ".tmp"):
		c.note(KindOfStart, name, PositionRange{}, "left half made, not part of the log: the next start removes it")
	}
	return nil
}

// dropIndexesAdvice is for indexes that can be opened, and are wrong.
const dropIndexesAdvice = "`mainstem log salvage --drop-indexes` sets all index files aside, so that the next start makes them anew from the log; nothing is lost by that"

// index reads all of an index file.
func (c *checker) index(name string) (err error) {
	advice := "nothing has to be done: a start that needs it makes all indexes anew from the log; nothing is lost by that, it takes its time"
	f, err := index.Open(c.fs, path.Join(c.dir, name), c.recovery.log.indexes.cache)
	if err == nil {
		// A start would not notice.
		advice = dropIndexesAdvice
		err = errors.Join(f.Verify(), f.Release())
	}
	if err == nil {
		return nil
	}
	if newerFormat(err) {
		return err
	}
	c.damage(KindOfIndexes, name, PositionRange{}, err.Error(), advice)
	return nil
}

// missingSegments finds out which segments the checkpoint misses, and whether
// empty ones in their place would let the broker start.
func (c *checker) missingSegments() {
	k, heal := c.recovery.newest(), &c.report.heal
	if k == nil {
		return
	}
	chain := c.recovery.log.segments.all()
	mended := slices.Clone(chain)
	for i, want := range k.Segments {
		loss := c.missing(k, i)
		if loss == nil {
			continue
		}
		if loss.Salt != want.Salt {
			heal.hopeless = true // of another log
			continue
		}
		heal.segments = append(heal.segments, *loss)
		if loss.Short != "" {
			c.audit.bad(PositionRange{chain.find(loss.First).limit(), loss.End}, "segment "+loss.Short+" has lost its end")
			continue
		}
		mended = append(mended, &segment{segmentHeader: loss.segmentHeader, name: segmentName(loss.First)})
		c.audit.bad(PositionRange{loss.First, loss.End}, "segment "+segmentName(loss.First)+" is missing")
	}
	slices.SortFunc(mended, func(a, b *segment) int { return cmp.Compare(a.First, b.First) })
	heal.hopeless = heal.hopeless || mended.followFrom(k.Position) != nil
	if len(heal.segments) > 0 {
		c.damage(KindOfSegments, "", PositionRange{}, fmt.Sprintf("%d segment files are missing or too short", len(heal.segments)),
			"put them back from a copy; or have `mainstem log salvage` put empty ones in their place, which gives up what they held")
	}
}

// missing is what a start misses of a segment that a checkpoint names, or nil.
func (c *checker) missing(k *checkpoint, i int) *segmentLoss {
	want := k.Segments[i]
	if want.First >= k.Position {
		return nil
	}
	end := k.Position
	if i+1 < len(k.Segments) {
		end = min(end, k.Segments[i+1].First)
	}
	loss := &segmentLoss{segmentHeader: segmentHeader{First: want.First, Salt: want.Salt, Generation: want.Generation, IsFirst: i == 0, PreviousEnd: want.First}, End: end}
	if i > 0 {
		loss.PreviousSalt = k.Segments[i-1].Salt
	}
	s := c.recovery.log.segments.all().find(want.First)
	switch {
	case s == nil || s.First != want.First:
		return loss
	case s.Salt != want.Salt || k == c.recovery.chosen && i+1 == len(k.Segments) && s.limit() < end:
		loss.segmentHeader, loss.Short, loss.Headless = s.segmentHeader, s.name, s.repaired
		return loss
	}
	return nil
}
