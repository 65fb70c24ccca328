package log

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
)

// CheckOptions say what Check knows of the surroundings. All may be nil.
type CheckOptions struct {
	// Standing is what the metadata says of partition ids; nil: the metadata can
	// not be read. Then files and bytes are judged, but not whether an offset is
	// lost or an index wrong: what was deleted long ago would look the same.
	Standing func(model.PartitionID) Standing
	// Name is a partition's topic and index.
	Name func(model.PartitionID) (topic string, index int32, ok bool)
	// Progress hears of bytes read, and how many there are, about.
	Progress func(read, total int64)
}

// Check looks at all of a log: every byte of every segment, of the cold log too, checkpoints,
// index files, the start mark, what was set aside. It finds what a start would find,
// and what a start does not look for. It writes nothing. The caller makes sure
// that no broker uses the directory.
//
// An error means that nothing can be said: the directory holds no log, can not
// be read, or was written by a newer version.
func Check(fsys vfs.FS, dir string, opts CheckOptions) (*CheckReport, error) {
	c := &checker{dir: dir, opts: opts, report: newCheckReport(dir), unknown: make(map[model.PartitionID]bool)}
	c.fs = &lookFS{FS: fsys, read: c.progress}
	names, err := c.fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	if !slices.ContainsFunc(names, ofLog) {
		return nil, fmt.Errorf("%w: %s", ErrNoLog, dir)
	}
	c.names = names
	if err := c.survey(); err != nil {
		return nil, err
	}
	if err := c.run(); err != nil {
		return nil, err
	}
	c.report.sort()
	return c.report, nil
}

// Exists reports whether a directory holds a segment of a log, or the mark of one.
func Exists(fsys vfs.FS, dir string) (bool, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return false, fmt.Errorf("list %s: %w", dir, err)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		_, segment := parseSegmentName(name)
		_, cold := parseColdName(name)
		_, checkpoint := parseCheckpointName(name)
		return segment || cold || checkpoint
	}), nil
}

// checker is one run of Check.
type checker struct {
	fs     *lookFS
	dir    string
	opts   CheckOptions
	names  []string
	report *CheckReport

	read, total int64
	recovery    *recovery
	refused     error // the start would be refused
	unknown     map[model.PartitionID]bool
	events      []Event
	audit       audit
	cold        coldAudit
}

func (c *checker) progress(n int) {
	c.read += int64(n)
	if c.opts.Progress != nil && c.total > 0 {
		c.opts.Progress(min(c.read, c.total), c.total)
	}
}

// run does what a start does, up to where that would write, and more.
func (c *checker) run() error {
	r := c.recovery
	l := r.log
	defer func() {
		// Files that were only read.
		_, _, _ = l.indexes.close(), l.segments.close(), l.coldLog.segments.close()
	}()
	if err := r.look(); err != nil {
		if newerFormat(err) {
			return err
		}
		c.refuse(err)
		c.report.heal.hopeless = !errors.Is(err, errStartMark)
	}
	c.report.UncleanStarts, c.report.Clean = r.mark.UncleanStarts, r.mark.Clean
	c.headers()
	if err := c.files(); err != nil {
		return err
	}
	if len(l.segments.all()) == 0 {
		return nil
	}
	if err := r.loadCheckpoint(); err != nil {
		if newerFormat(err) {
			return err
		}
		c.refuse(err)
		c.report.heal.hopeless = true
	}
	for _, x := range r.unusable {
		if c.dropped(x.name) {
			c.note(KindOfIndexes, x.name, PositionRange{}, "the index files that it names were set aside: the next start makes all indexes anew from the log; nothing is lost by that, it takes its time")
			continue
		}
		c.damage(KindOfIndexes, x.name, PositionRange{}, x.why, "nothing has to be done: the next start makes all indexes anew from the log; nothing is lost by that, it takes its time")
	}
	if err := r.checkSegments(); err != nil {
		c.refuse(err)
		c.missingSegments()
	}
	if err := r.checkCold(); err != nil {
		c.refuse(err)
		if err := c.missingCold(); err != nil {
			return err
		}
	}
	if err := c.audit.run(c); err != nil {
		return err
	}
	if err := c.cold.run(c); err != nil {
		return err
	}
	if err := c.replay(); err != nil {
		return err
	}
	c.headless()
	c.judge()
	return c.losses()
}

// replay is what recovery does from its checkpoint on.
func (c *checker) replay() error {
	r := c.recovery
	l := r.log
	r.replay = replay{log: l, rebuild: r.chosen == nil, events: func(e Event) {
		if x, ok := e.(CorruptionFound); ok {
			c.audit.bad(x.Range, x.What)
		}
	}}
	if r.chosen != nil {
		r.replay.begin(r.chosen.Position, r.chosen.Previous)
	} else {
		r.replay.begin(l.segments.all()[0].First, lastEntry{})
	}
	r.replay.synced = r.knownSynced()
	if r.replay.rebuild {
		if err := r.findCopies(); err != nil {
			return fmt.Errorf("read the cold log: %w", err)
		}
	}
	if !r.endKnown() {
		before := l.shared.dirty.entries
		if err := r.scan(); err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		c.report.Batches += int64(l.shared.dirty.entries - before)
	}
	if err := r.gatherRuns(); err != nil {
		return fmt.Errorf("read side segments: %w", err)
	}
	r.installRebuilt()
	c.report.End, c.report.Synced = r.replay.end, r.replay.synced
	if r.chosen == nil {
		// Nothing tells of what stood in segments that are gone.
		for i := range c.report.heal.segments {
			s := &c.report.heal.segments[i]
			if s.Log != mainLog {
				continue
			}
			r.replay.unowned = append(r.replay.unowned, PositionRange{s.First, s.End})
		}
	}
	// From here on the true standing counts: the search for the highest id must end.
	l.env.Standing = c.trueStanding
	r.keepGiven()
	r.refuseOwners()
	return nil
}

// standing takes unknown partitions for live ones, and remembers them.
func (c *checker) standing(id model.PartitionID) Standing {
	if c.opts.Standing == nil {
		return Live
	}
	s := c.opts.Standing(id)
	if s == Unknown {
		c.unknown[id] = true
		return Live
	}
	return s
}

func (c *checker) trueStanding(id model.PartitionID) Standing {
	if c.opts.Standing == nil {
		if c.recovery.log.partitions.find(id) != nil {
			return Live
		}
		return Unknown
	}
	return c.opts.Standing(id)
}

// refuse notes why the broker would not start.
func (c *checker) refuse(err error) {
	c.refused = err
	c.report.Refused = err.Error()
	c.damage(KindOfStart, "", PositionRange{}, "the broker does not start: "+err.Error(),
		"put the missing or damaged files back from a copy; `mainstem log salvage` says what it can do without one")
}

func (c *checker) damage(kind FindingKind, file string, at PositionRange, text, advice string) {
	c.report.add(Finding{Severity: SeverityDamage, Kind: kind, File: file, Range: at, Text: text, Advice: advice})
}

func (c *checker) note(kind FindingKind, file string, at PositionRange, text string) {
	c.report.add(Finding{Severity: SeverityNote, Kind: kind, File: file, Range: at, Text: text})
}

// survey reads the sizes, for the progress, and puts a log together that is
// never started.
func (c *checker) survey() error {
	for _, name := range c.names {
		_, isSegment := parseSegmentName(name)
		if _, cold := parseColdName(name); cold {
			isSegment = true
		}
		if !isSegment && !isIndexName(name) {
			continue
		}
		size, err := c.fs.Size(path.Join(c.dir, name))
		if err != nil {
			return fmt.Errorf("size of %s: %w", name, err)
		}
		if !isSegment {
			c.total += 2 * size // read once by its own check, once to count what is lost
			continue
		}
		n, err := c.written(name, size)
		if err != nil {
			return err
		}
		c.total += n
	}
	l := assemble(Config{}, Env{
		FS: c.fs, Dir: c.dir, Clock: clock.Real{}, Standing: c.standing,
		Events: func(e Event) { c.events = append(c.events, e) }, Fatal: func(error) {},
	})
	c.recovery = &recovery{log: l, found: &l.found}
	c.recovery.names = c.names
	return nil
}

// written is how much of a segment is not a hole.
func (c *checker) written(name string, size int64) (n int64, err error) {
	f, err := c.fs.FS.Open(path.Join(c.dir, name))
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for off := int64(0); off < size; {
		from, to, err := f.NextData(off)
		if err != nil || to <= off {
			break
		}
		n += min(to, size) - min(from, size)
		off = to
	}
	return n, nil
}

func isIndexName(name string) bool {
	var id uint64
	_, err := fmt.Sscanf(name, "%x"+indexSuffix, &id)
	return err == nil && index.FileName(id) == name
}
