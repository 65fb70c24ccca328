package main

import (
	"errors"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// inFlight is how many batches are on their way at once.
const inFlight = 64

// fill appends batches to the partitions in turn, and closes the log as a
// broker that stops does.
func fill(o options) (err error) {
	var failed error
	l, _, err := log.Open(log.Config{SegmentBytes: o.segmentBytes}, log.Env{
		FS: holes{}, Dir: o.dir, Clock: clock.Real{},
		Standing: func(model.PartitionID) log.Standing { return log.Live },
		Events:   func(log.Event) {},
		Fatal:    func(err error) { failed = err },
	})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	f := &filler{log: l, free: make(chan *piece, inFlight)}
	for _, id := range o.partitions {
		if !l.Holds(id) {
			return errors.Join(fmt.Errorf("the log has no partition %d", id), l.Close())
		}
		p := l.Partition(id)
		epochs := p.Epochs()
		if len(epochs) == 0 {
			return errors.Join(fmt.Errorf("partition %d is empty: nothing tells its leader epoch", id), l.Close())
		}
		f.tails = append(f.tails, &tail{partition: p, end: p.End(), epoch: epochs[len(epochs)-1].Epoch})
	}
	for range inFlight {
		b, err := newPiece(f, o.batchBytes)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		f.free <- b
	}
	err = f.run(o.bytes)
	return errors.Join(err, l.Close(), failed)
}

// filler is the one that appends.
type filler struct {
	log   *log.Log
	tails []*tail
	free  chan *piece
}

// tail is where a partition goes on.
type tail struct {
	partition *log.PartitionLog
	end       model.Offset
	epoch     model.LeaderEpoch
}

// piece is a batch that is appended again and again, once it is written.
type piece struct {
	filler *filler
	raw    []byte
	header batch.Header
	append log.Append
	err    error
}

// newPiece makes a batch of one record, whose value is zeros.
func newPiece(f *filler, size int) (*piece, error) {
	b := batch.NewBuilder(batch.None)
	b.Add(clock.Real{}.Now().UnixMilli(), nil, make([]byte, max(size-batch.HeaderSize-16, 1)))
	raw, err := b.Build(nil)
	if err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	h, err := batch.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	return &piece{filler: f, raw: raw, header: h}, nil
}

func (f *filler) run(bytes int64) error {
	for n, done := 0, int64(0); done < bytes; n++ {
		p := <-f.free
		if p.err != nil {
			return p.err
		}
		t := f.tails[n%len(f.tails)]
		p.header.BaseOffset, p.header.LeaderEpoch = t.end, t.epoch
		batch.SetBaseOffset(p.raw, t.end)
		batch.SetLeaderEpoch(p.raw, t.epoch)
		p.append = log.Append{
			Partition: t.partition, Kind: log.KindBatches, Epoch: t.epoch, BaseOffset: t.end, Payload: p.raw,
			Headers: []batch.Header{p.header}, Sync: true, Generation: t.partition.Generation(), Done: p,
		}
		t.end = p.header.LastOffset() + 1
		f.log.Enqueue(&p.append)
		done += int64(len(p.raw))
	}
	for range inFlight {
		if p := <-f.free; p.err != nil {
			return p.err
		}
	}
	return nil
}

// Written implements log.Completion.
func (*piece) Written(*log.Append) {}

// Durable implements log.Completion: the bytes are used again, though the tail
// ring still has them, as nobody reads here.
func (p *piece) Durable(*log.Append) { p.filler.free <- p }

// Failed implements log.Completion.
func (p *piece) Failed(_ *log.Append, err error) {
	p.err = err
	p.filler.free <- p
}
