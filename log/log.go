package log

import (
	"errors"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// Config is what an operator may turn. Zero values mean the defaults.
type Config struct {
	SegmentBytes       int64         // size of a segment file; default 256 MiB, at least 1 MiB (tests go lower)
	RingBytes          int64         // memory of the tail ring; default 32 MiB
	CheckpointBytes    int64         // log bytes between checkpoints; default 256 MiB
	CheckpointInterval time.Duration // time between checkpoints while there is something new; default 10 s
	AsyncFlushInterval time.Duration // longest time that an append without Sync stays unsynced; default 1 s
	PadGroups          bool          // pad each group to 4 KiB, for disks that may tear a sector in flight
	ProducerStatesMax  int           // per partition; the least recently used goes; default 10,000
}

// Standing is what the metadata says of a partition id.
type Standing uint8

// The standings.
const (
	Unknown Standing = iota // never heard of: the log refuses to start
	Live
	Dropped // its topic was deleted
)

// Env is what the log needs from its surroundings.
type Env struct {
	FS    vfs.FS
	Dir   string // exists, locked by the caller
	Clock clock.Clock
	// Standing tells of each partition id found on disk.
	Standing func(model.PartitionID) Standing
	// Events hears of state changes worth a log line or a metric. May be nil.
	Events func(Event)
	// Fatal is called once when the log can not go on (a failed fsync). The
	// log has latched: every append fails. The process should exit.
	Fatal func(error)
}

// Event is a typed log event; see events.go.
type Event interface{ String() string }

// Errors of the log, compared by errors.Is.
var (
	ErrOutOfRange   = errors.New("offset out of range")
	ErrCorrupt      = errors.New("the stored bytes are damaged")
	ErrOwnerUnknown = errors.New("damage in the log may belong to this partition; run `mainstem log salvage`")
	ErrDiskFull     = errors.New("no space left on the device")
	ErrLatched      = errors.New("the log stopped after a failed fsync")
	ErrClosed       = errors.New("the log is closed")
	ErrStale        = errors.New("built on an append that failed")
	ErrTooLarge     = errors.New("larger than a segment")
	ErrEpoch        = errors.New("leader epoch is lower than the log's")
)

// Log is one broker's CommitLog.
type Log struct{}

// Open recovers the log in env.Dir (or makes a new one) and starts its
// goroutines. The returned Recovery says what was found.
func Open(cfg Config, env Env) (*Log, *Recovery, error) { panic("not built") }

// Recovery is what Open found.
type Recovery struct {
	Fresh         bool          // a new, empty log
	Unclean       bool          // the clean mark was missing
	UncleanStarts uint32        // in the directory's life, this one included
	Took          time.Duration // whole recovery
	ScannedBytes  int64
	RebuiltIndex  bool
	Corrupt       []PositionRange // damaged, fenced, nothing truncated
	Quarantined   []string        // files set aside
	TornBytes     int64           // cut at the tail
}

// PositionRange is [From, To).
type PositionRange struct{ From, To Position }

// UncleanStarts counts the unclean starts in the directory's life. The leader
// epoch of a partition rises with it (design section 4, What is visible).
func (l *Log) UncleanStarts() uint32 { panic("not built") }

// Partition returns the handle of a partition, new and empty if the log has
// none yet. The caller has the partition durably in the metadata.
func (l *Log) Partition(id model.PartitionID) *PartitionLog { panic("not built") }

// Drop forgets a partition whose deletion is durable in the metadata: reads
// and appends fail from now on, its bytes no longer count as live.
func (l *Log) Drop(id model.PartitionID) { panic("not built") }

// Enqueue hands an append to the writer. It never blocks; what is queued is
// bounded by the buffers that callers hold. Appends of one partition must be
// enqueued in offset order (under the partition's lock).
func (l *Log) Enqueue(a *Append) { panic("not built") }

// Sync makes everything enqueued before the call durable, then calls done
// (from a goroutine of the log; nil error means durable).
func (l *Log) Sync(done func(error)) { panic("not built") }

// Reclaim unlinks the segments that hold no live bytes and lie below the checkpoint.
func (l *Log) Reclaim() (segments int, bytes int64, err error) { panic("not built") }

// Stats is a snapshot for metrics.
type Stats struct {
	Written, Synced, Oldest Position
	Segments                int
	Partitions              int
	QueuedAppends           int
	Groups, Syncs           uint64
	AppendedBytes           uint64
	SyncSeconds             float64 // total time in fdatasync
	RingBytes               int64
	ColdReads               uint64
	LastCheckpoint          time.Time
	FreeBytes, TotalBytes   int64
}

// Stats returns current figures.
func (l *Log) Stats() Stats { panic("not built") }

// Close flushes, writes a checkpoint and the clean mark, and stops all goroutines.
func (l *Log) Close() error { panic("not built") }
