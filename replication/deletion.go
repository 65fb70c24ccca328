package replication

import (
	"context"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// RecordDeletion raises a partition's log start to Before; -1 means the high
// watermark. Done is called once the new start is durable, with the resulting
// log start. A start at or below the present one is answered with that; a topic
// whose cleanup.policy lacks delete takes none.
type RecordDeletion struct {
	Partition *Partition
	Before    model.Offset
	Done      func(model.Offset, *protocol.Error)
}

// DeleteRecords makes the deletions of a request, in their order. Like retention
// it has few log starts await the writer at a time, all requests together, and
// waits for that. Those for which there was no room before ctx ended are told
// REQUEST_TIMED_OUT.
func (ps *Partitions) DeleteRecords(ctx context.Context, all []RecordDeletion) {
	var present []RecordDeletion
	for i := range all {
		if d := &all[i]; !d.raise(ctx, ps.deleting) {
			present = append(present, *d)
		}
	}
	if len(present) == 0 {
		return
	}
	// Their entries may still be on the way to the disk: an answer is a promise.
	ps.env.Log.Sync(func(err error) {
		for i := range present {
			d := &present[i]
			if err != nil {
				d.Done(-1, storageError(err))
				continue
			}
			d.Done(d.Partition.log.Start(), nil)
		}
	})
}

// raise queues the entry of a deletion; false means that the partition starts
// there already.
func (d *RecordDeletion) raise(ctx context.Context, room chan struct{}) bool {
	p, before := d.Partition, d.Before
	if s := p.env.Settings(p.Topic()); !s.Delete && s.ImportSource == "" {
		d.Done(-1, protocol.Errorf(protocol.PolicyViolation, "records can be deleted if cleanup.policy has delete"))
		return true
	}
	o := p.Offsets()
	if before == -1 {
		before = o.HighWatermark
	}
	if before < 0 || before > o.HighWatermark {
		d.Done(-1, protocol.Errorf(protocol.OffsetOutOfRange,
			"records can be deleted up to the high watermark %d, not up to %d", o.HighWatermark, before))
		return true
	}
	if before <= o.LogStart {
		return false
	}
	if !enter(ctx, room) {
		d.Done(-1, protocol.Errorf(protocol.RequestTimedOut, "the log had no room for the deletion in time"))
		return true
	}
	t := &trim{part: p, room: room, done: d.Done}
	t.unit.Sync = true
	t.enqueue(before)
	return true
}

// enter takes a place in a room, unless ctx ends before there is one.
func enter(ctx context.Context, room chan struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case room <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}
