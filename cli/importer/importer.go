package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// Config says what is to be imported.
type Config struct {
	Source, Target Cluster
	Clock          clock.Clock
	// Topics are names, in which * stands for any characters.
	Topics []string
	// Groups are names of consumer groups in the same way: their positions are copied
	// at the end, if they have any in the topics.
	Groups []string
	// ActiveGroups copies positions of groups with members, too.
	ActiveGroups bool
	// Skip are settings that the topics shall not have of the source.
	Skip []string
	// Finish opens the topics for producers once source and target are the same.
	Finish bool
	// Parallel is how many partitions are at work side by side.
	Parallel int
	// Patience is how long a cluster may be away.
	Patience time.Duration
	// Progress hears how far it is, often and from any goroutine.
	Progress func(Progress)
}

// Cluster is a way to one.
type Cluster struct {
	Client *kgo.Client
	// Explain says in words what an error of the client means.
	Explain func(error) error
}

// Progress is how far a phase is.
type Progress struct {
	Phase       string // copy, compare, groups, finish
	Done, All   int64  // offsets
	Bytes       int64
	Waiting     error // for a cluster that is away; nil: for none
	OpenedTxns  int   // partitions in which an open transaction is in the way
	Partitions  int   // at work in all
	StillGrowth bool  // the source grows while the end is sought
}

// Importer is one run.
type Importer struct {
	cfg            Config
	source, target *side
	topics         []*copied
	finished       bool
	progress       tracker
}

// New makes an importer.
func New(cfg Config) *Importer {
	cfg.Parallel = max(cfg.Parallel, 1)
	im := &Importer{cfg: cfg, source: newSide("source", cfg.Source), target: newSide("target", cfg.Target)}
	im.progress.tell = cfg.Progress
	return im
}

// Run copies what there is, and compares it; with Config.Finish it goes on until source
// and target are the same, copies the positions of groups, and opens the topics. What it
// returns is of use with an error, too. It can be run again whatever happened.
func (im *Importer) Run(ctx context.Context) (*Report, error) {
	if err := im.prepare(ctx); err != nil {
		return im.report(nil), err
	}
	if im.cfg.Finish {
		if _, err := im.positions(ctx); err != nil {
			return im.report(nil), err // before hours of copying
		}
	}
	for {
		if err := im.round(ctx); err != nil {
			return im.report(nil), err
		}
		if !im.cfg.Finish {
			return im.report(nil), nil
		}
		still, err := im.still(ctx)
		if err != nil {
			return im.report(nil), err
		}
		if still {
			break
		}
		if !clock.Wait(im.cfg.Clock, stillEvery, ctx.Done()) {
			return im.report(nil), context.Cause(ctx)
		}
	}
	groups, err := im.copyPositions(ctx)
	if err != nil {
		return im.report(groups), err
	}
	if err := im.finish(ctx); err != nil {
		return im.report(groups), err
	}
	return im.report(groups), nil
}

// stillEvery is how often a source that still grows is looked at.
const stillEvery = 500 * time.Millisecond

// prepare finds the topics, and makes those of the target.
func (im *Importer) prepare(ctx context.Context) error {
	for _, s := range []*side{im.source, im.target} {
		if err := im.persist(ctx, func(ctx context.Context) error { return s.look(ctx) }); err != nil {
			return err
		}
	}
	if im.source.id != "" && im.source.id == im.target.id {
		return errors.New("source and target are the same cluster")
	}
	names, err := im.chosen()
	if err != nil {
		return err
	}
	if err := im.checkTarget(ctx); err != nil {
		return err
	}
	for _, name := range names {
		t, err := im.prepareTopic(ctx, name)
		if err != nil {
			return err
		}
		im.topics = append(im.topics, t)
	}
	return nil
}

// chosen are the topics of the source that are meant, by name.
func (im *Importer) chosen() (names []string, err error) {
	for _, pattern := range im.cfg.Topics {
		found := false
		for name, t := range im.source.topics {
			switch {
			case !matches(pattern, name):
			case t.internal && pattern == name:
				return nil, fmt.Errorf("topic %s is internal to the source, and cannot be imported: positions of groups are copied with the topics", name)
			case !t.internal:
				found = true
				names = append(names, name)
			}
		}
		if !found {
			return nil, fmt.Errorf("the source has no topic %s", pattern)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// matches reports whether a name is of a pattern, in which * stands for any characters.
func matches(pattern, name string) bool {
	first, rest, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	for name = name[len(first):]; ; name = name[1:] {
		if matches(rest, name) {
			return true
		}
		if name == "" {
			return false
		}
	}
}
