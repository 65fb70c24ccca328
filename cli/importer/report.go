package importer

import (
	"encoding/hex"
	"sync"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Report is what came of a run.
type Report struct {
	Topics   []TopicReport `json:"topics"`
	Groups   []GroupReport `json:"groups,omitempty"`
	Finished bool          `json:"finished"` // the topics are open for producers
}

// TopicReport is what is known of a topic.
type TopicReport struct {
	Topic      string       `json:"topic"`
	Partitions []PartReport `json:"partitions"`
}

// PartReport is what is known of a partition.
type PartReport struct {
	Partition int32 `json:"partition"`
	// Start and End are the target's; those of the source are as it was last asked.
	Start       int64 `json:"start"`
	End         int64 `json:"end"`
	SourceStart int64 `json:"sourceStart"`
	SourceEnd   int64 `json:"sourceEnd"`
	// OpenFrom is where the first open transaction of the source begins; -1: there is none.
	OpenFrom int64 `json:"openTransactionFrom"`
	// Compared is the offset below which all records are the same on both sides: so many,
	// with this SHA-256. Removed is how many more the target has, which the source has
	// let go since.
	Compared int64  `json:"comparedTo"`
	Records  int64  `json:"records"`
	Checksum string `json:"sha256"`
	Removed  int64  `json:"removedAtSource"`
}

// GroupReport says which positions of a group are at the target now.
type GroupReport struct {
	Group     string `json:"group"`
	State     string `json:"state"` // at the source
	Positions int    `json:"positions"`
}

// report says how far it is.
func (im *Importer) report(groups []GroupReport) *Report {
	r := &Report{Topics: []TopicReport{}, Groups: groups, Finished: im.finished}
	for _, t := range im.topics {
		out := TopicReport{Topic: t.name}
		for _, p := range t.parts {
			x := PartReport{
				Partition: p.tp.Partition, Start: int64(p.start), End: int64(p.copied),
				SourceStart: int64(p.source.start), SourceEnd: int64(p.source.end), OpenFrom: -1,
				Compared: int64(p.compared), Records: p.records, Checksum: hex.EncodeToString(p.sum.Sum(nil)), Removed: p.removed,
			}
			if p.source.stable < p.source.end {
				x.OpenFrom = int64(p.source.stable)
			}
			out.Partitions = append(out.Partitions, x)
		}
		r.Topics = append(r.Topics, out)
	}
	return r
}

// tracker counts, and tells who wants to know.
type tracker struct {
	tell func(Progress)
	mu   struct {
		sync.Mutex
		now   Progress
		moves int64
	}
}

// change changes what is told.
func (t *tracker) change(do func(*Progress)) {
	t.mu.Lock()
	do(&t.mu.now)
	now := t.mu.now
	t.mu.Unlock()
	if t.tell != nil {
		t.tell(now)
	}
}

func (t *tracker) begin(phase string, done, all int64, partitions int) {
	t.change(func(p *Progress) { *p = Progress{Phase: phase, Done: done, All: all, Partitions: partitions} })
}

// copied hears where a partition of the target ends.
func (t *tracker) copied(part *part, end model.Offset, bytes int64) {
	t.change(func(p *Progress) {
		p.Done, p.Bytes, p.Waiting = p.Done+int64(end-part.copied), p.Bytes+bytes, nil
		t.mu.moves++
	})
	part.copied = end
}

// compared hears how many offsets more are the same.
func (t *tracker) compared(offsets, bytes int64) {
	t.change(func(p *Progress) {
		p.Done, p.Bytes, p.Waiting = p.Done+offsets, p.Bytes+bytes, nil
		t.mu.moves++
	})
}

func (t *tracker) wait(err error) {
	t.mu.Lock()
	same := t.mu.now.Waiting == nil && err == nil
	t.mu.Unlock()
	if !same {
		t.change(func(p *Progress) { p.Waiting = err })
	}
}

func (t *tracker) restless(open int, grown bool) {
	t.change(func(p *Progress) { p.OpenedTxns, p.StillGrowth = open, grown })
}

// moves counts what went forward.
func (t *tracker) moves() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.moves
}
