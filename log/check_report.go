package log

import (
	"cmp"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	SeverityDamage Severity = "damage" // something is lost, wrong, or keeps the broker from starting
	SeverityNote   Severity = "note"   // as it may be, and worth knowing
)

// FindingKind says what a finding is about.
type FindingKind string

// The kinds.
const (
	KindOfStart      FindingKind = "start"      // the next start
	KindOfSegments   FindingKind = "segment"    // a segment file, or a part of it
	KindOfOffsets    FindingKind = "offsets"    // what can not be read, beside damage that is told
	KindOfOwners     FindingKind = "owners"     // partitions that refuse appends
	KindOfIndexes    FindingKind = "index"      // an index file
	KindOfCheckpoint FindingKind = "checkpoint" // a checkpoint
	KindOfMetadata   FindingKind = "metadata"   // what the metadata knows
	KindOfTail       FindingKind = "tail"       // the end of the log
	KindOfSalvage    FindingKind = "salvaged"   // what was given up before
	KindOfAside      FindingKind = "quarantine" // a file that was set aside
)

// Finding is one thing that Check has found.
type Finding struct {
	Severity Severity      `json:"severity"`
	Kind     FindingKind   `json:"kind"`
	File     string        `json:"file,omitempty"`
	Range    PositionRange `json:"range,omitzero"`
	Text     string        `json:"text"`
	Advice   string        `json:"advice,omitempty"`
}

// LostRange is offsets of a partition that can not be read any more.
type LostRange struct {
	Topic     string            `json:"topic,omitempty"`
	Index     int32             `json:"partition"`
	Partition model.PartitionID `json:"id"`
	From      model.Offset      `json:"from"`
	To        model.Offset      `json:"to"` // exclusive
	// Records is how many there were, -1 where that is not known: offsets may
	// have gaps.
	Records int64 `json:"records"`
	// Given says that they were given up by salvage before.
	Given bool `json:"given_up,omitempty"`
}

// AsideFile is a file that a start or a salvage has set aside.
type AsideFile struct {
	Name    string      `json:"name"`
	Bytes   int64       `json:"bytes"`
	Holds   string      `json:"holds"`
	Entries int         `json:"entries,omitempty"`
	Owners  []AsideHold `json:"partitions,omitempty"`
}

// AsideHold is what a file that was set aside holds of a partition.
type AsideHold struct {
	Topic     string            `json:"topic,omitempty"`
	Index     int32             `json:"partition"`
	Partition model.PartitionID `json:"id"`
	From      model.Offset      `json:"from"`
	To        model.Offset      `json:"to"` // exclusive
	Batches   int               `json:"batches"`
}

// Waiting is a partition that refuses appends, because damage of unknown
// owners may have been its end.
type Waiting struct {
	Topic     string            `json:"topic,omitempty"`
	Index     int32             `json:"partition"`
	Partition model.PartitionID `json:"id"`
	End       model.Offset      `json:"end"` // it would go on here
}

// CheckReport is what Check has found.
type CheckReport struct {
	Dir           string      `json:"dir"`
	Clean         bool        `json:"clean_end"` // the last broker stopped cleanly
	UncleanStarts uint32      `json:"unclean_starts"`
	Segments      int         `json:"segments"` // of the main log
	Bytes         int64       `json:"bytes"`    // of segments
	Batches       int64       `json:"batches"`
	ColdSegments  int         `json:"cold_segments"` // what was relocated
	ColdBytes     int64       `json:"cold_bytes"`
	ColdBatches   int64       `json:"cold_batches"` // dead ones too
	Partitions    int         `json:"partitions"`
	End           Position    `json:"end"`    // the log goes on here
	Synced        Position    `json:"synced"` // known to be durable up to here
	Refused       string      `json:"refused,omitempty"`
	Findings      []Finding   `json:"findings"`
	Lost          []LostRange `json:"lost"`
	Waiting       []Waiting   `json:"waiting"`
	Aside         []AsideFile `json:"quarantined"`
	// Unknown are partitions of the log that the metadata has never heard of.
	Unknown []model.PartitionID `json:"unknown_partitions,omitempty"`

	heal healing
}

// newCheckReport is one in which nothing was found yet: its lists are empty for
// programs, too, not null.
func newCheckReport(dir string) *CheckReport {
	return &CheckReport{Dir: dir, Findings: []Finding{}, Lost: []LostRange{}, Waiting: []Waiting{}, Aside: []AsideFile{}}
}

// healing is what salvage needs to know beside the report.
type healing struct {
	corrupt  []PositionRange // damaged, not given up yet
	cold     []PositionRange // the same in the cold log
	hopeless bool            // the broker would not start whatever salvage does
	before   *salvaged       // what was given up, or nil
	mark     markHealth
	end      Position      // that the mark tells
	segments []segmentLoss // files to put an empty one in place of
	indexes  []string      // all index files
	starts   uint32        // as far as it is known
}

// Damaged reports whether anything is worse than a note.
func (r *CheckReport) Damaged() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == SeverityDamage })
}

func (r *CheckReport) add(f Finding) { r.Findings = append(r.Findings, f) }

// sort puts damage first, and the rest in the order of the log.
func (r *CheckReport) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Range.From, b.Range.From))
	})
	slices.SortStableFunc(r.Lost, func(a, b LostRange) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Index, b.Index), cmp.Compare(a.From, b.From))
	})
}
