package log

import "time"

// Config is what an operator may turn. Zero values mean the defaults.
type Config struct {
	SegmentBytes       int64         // size of a segment file; default 256 MiB, at least 1 MiB (tests go lower)
	RingBytes          int64         // memory of the tail ring; default 32 MiB
	CheckpointBytes    int64         // log bytes between checkpoints; default 256 MiB
	CheckpointInterval time.Duration // time between checkpoints while there is something new; default 10 s
	AsyncFlushInterval time.Duration // longest time that an append without Sync stays unsynced; default 1 s
	PadGroups          bool          // pad each group to 4 KiB, for disks that may tear a sector in flight
	ProducerStatesMax  int           // per partition; the least recently used goes; default 10,000
	ScrubBytesPerSec   int64         // how fast the scrub reads; 0: it does not

	// RelocateBelow is the share of a segment below which what lives in it is
	// moved to the cold log, so that the file can go: the trade of disk space
	// against writes (relocate_policy.go). Default 0.4; negative: never.
	RelocateBelow float64
	RelocateRate  int64 // bytes a second that relocation reads and writes, besides 2 for each one appended; default 32 MiB; negative: no limit

	// checkpointEntries is how many index entries in memory make a checkpoint
	// due: tiny batches bring many with few bytes. Only tests set it.
	checkpointEntries int
	// relocateKeep is how many of the newest segments are not relocated;
	// negative: only the one that is written. Only tests set it.
	relocateKeep int
}

// The defaults of Config.
const (
	segmentBytesDefault       = 256 << 20
	segmentBytesMin           = 2 * segmentHeaderSize
	ringBytesDefault          = 32 << 20
	checkpointBytesDefault    = 256 << 20
	checkpointIntervalDefault = 10 * time.Second
	asyncFlushIntervalDefault = time.Second
	producerStatesMaxDefault  = 10_000
	checkpointEntriesDefault  = 256 << 10

	// indexCacheBytes is what the pages of index files may take in memory.
	indexCacheBytes = 16 << 20
)

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	set(&c.SegmentBytes, segmentBytesDefault)
	set(&c.RingBytes, ringBytesDefault)
	set(&c.CheckpointBytes, checkpointBytesDefault)
	set(&c.CheckpointInterval, checkpointIntervalDefault)
	set(&c.AsyncFlushInterval, asyncFlushIntervalDefault)
	set(&c.ProducerStatesMax, producerStatesMaxDefault)
	set(&c.checkpointEntries, checkpointEntriesDefault)
	set(&c.RelocateBelow, relocateBelowDefault)
	set(&c.RelocateRate, relocateRateDefault)
	set(&c.relocateKeep, relocateKeepDefault)
	c.SegmentBytes = max(c.SegmentBytes, segmentBytesMin)
	return c
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
