package log

import "time"

// Stats is a snapshot for metrics.
type Stats struct {
	Written, Synced, Oldest Position
	Segments                int
	SegmentBytes            int64 // of the main log's segment files
	LiveBytes               int64 // of batches that a reader may ask for, as last counted, those of the cold log too
	Partitions              int
	QueuedAppends           int
	Groups, Syncs           uint64
	AppendedBytes           uint64
	SyncSeconds             float64 // total time in fdatasync
	RingBytes               int64
	ColdReads               uint64 // turns at the disk
	ColdReadBytes           uint64 // from the disk
	ColdWaiting             int    // reads that wait for their turn
	LastCheckpoint          time.Time

	ColdSegments          int
	ColdBytes             int64  // of the cold log's files
	RelocatedSegments     uint64 // emptied in this life
	RelocatedBytes        uint64 // moved in this life
	ReclaimableBytes      int64  // in old segments, of nothing that lives
	FreeBytes, TotalBytes int64
}

// Stats returns current figures.
func (l *Log) Stats() Stats {
	segs := l.segments.all()
	s := Stats{
		Written:       l.syncer.end(),
		Synced:        l.syncer.position(),
		Segments:      len(segs),
		Partitions:    l.partitions.count(),
		QueuedAppends: l.queue.length(),
		Groups:        l.writer.counted.groups.Load(),
		Syncs:         l.syncer.syncs.Load(),
		AppendedBytes: l.writer.counted.bytes.Load(),
		SyncSeconds:   time.Duration(l.syncer.nanos.Load()).Seconds(),
		RingBytes:     l.ring.size(),
		ColdReads:     l.cold.reads.Load(),
		ColdReadBytes: l.cold.bytes.Load(),
		ColdWaiting:   l.cold.gate.waiting(),

		LastCheckpoint: l.keeper.lastCheckpoint(),

		RelocatedSegments: l.relocator.segments.Load(),
		RelocatedBytes:    l.relocator.bytes.Load(),
		ReclaimableBytes:  l.reclaimable(),
	}
	for _, seg := range l.coldLog.segments.all() {
		s.ColdSegments++
		s.ColdBytes += seg.taken()
		s.LiveBytes += seg.live.Load()
	}
	for _, seg := range segs {
		s.SegmentBytes += seg.size.Load()
		s.LiveBytes += seg.live.Load()
	}
	if len(segs) > 0 {
		s.Oldest = segs[0].First
	}
	// A file system that does not tell leaves zeros: "not known".
	s.FreeBytes, s.TotalBytes, _ = l.env.FS.Space(l.env.Dir)
	return s
}
