package server

import (
	"fmt"
	"sync"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/replication"
)

// journalTopicHeader is the record header that holds shard.Record.Topic.
const journalTopicHeader = "mainstem.topic.id"

// journalTopicRoom is how long that header is, with its two lengths.
const journalTopicRoom = 2 + len(journalTopicHeader) + len(model.TopicID{})

// stretch is what of an append goes to the log as one batch: records that join, or
// a marker. They are queued one after the other, and a crash may keep the first
// ones: a shard sees to it that none needs the next (its cuts).
type stretch struct {
	data   []byte
	marker *shard.Txn
}

// stretches makes batches of records.
func (j *Journal) stretches(records []shard.Record) ([]stretch, error) {
	now := j.clock.Now().UnixMilli()
	var parts []stretch
	for len(records) > 0 {
		n := 1
		for n < len(records) && records[n].Joins(&records[n-1]) {
			n++
		}
		if of := records[0].Txn; of != nil && of.End != shard.EndNone {
			parts = append(parts, stretch{marker: of})
		} else {
			data, err := journalBatch(records[:n], now)
			if err != nil {
				return nil, fmt.Errorf("journal: %w", err)
			}
			parts = append(parts, stretch{data: data})
		}
		records = records[n:]
	}
	return parts, nil
}

// journalBatch makes a batch of records that join.
func journalBatch(records []shard.Record, now int64) ([]byte, error) {
	b := batch.NewBuilder(batch.None)
	b.Grow(batchRoom(records))
	if of := records[0].Txn; of != nil {
		b.ProducerID, b.ProducerEpoch, b.BaseSequence, b.Transactional = of.Producer, of.Epoch, -1, true
	}
	for _, r := range records {
		at := r.Timestamp
		if at == 0 {
			at = now
		}
		if r.Topic.IsZero() {
			b.Add(at, r.Key, r.Value)
			continue
		}
		b.Add(at, r.Key, r.Value, batch.RecordHeader{Key: journalTopicHeader, Value: r.Topic[:]})
	}
	return b.Take() //nolint:wrapcheck // The caller says of what.
}

// batchRoom bounds the bytes that records take in a batch.
func batchRoom(records []shard.Record) int {
	n := 0
	for i := range records {
		n += batch.RecordOverhead + len(records[i].Key) + len(records[i].Value)
		if !records[i].Topic.IsZero() {
			n += journalTopicRoom
		}
	}
	return n
}

// append queues the stretch; a hears of its end.
func (s *stretch) append(all *replication.Partitions, p *replication.Partition, a *journalAppend) {
	if m := s.marker; m != nil {
		all.AppendMarkers([]replication.Marker{{
			Partition: p, Producer: m.Producer, Epoch: m.Epoch, Commit: m.End == shard.EndCommit,
			CoordinatorEpoch: m.CoordinatorEpoch, BumpedEpoch: m.BumpedEpoch, Internal: true, Generation: a.generation,
		}}, func(r []replication.MarkerResult) { a.settle(errorOrNil(r[0].Err)) })
		return
	}
	p.Append(replication.AppendRequest{Batch: s.data, Internal: true, Generation: a.generation},
		func(r replication.AppendResult) { a.settle(errorOrNil(r.Err)) })
}

// errorOrNil keeps nil what is no error.
func errorOrNil(err *protocol.Error) error {
	if err == nil {
		return nil
	}
	return err
}

// journalAppend is an append on its way, in one or several stretches.
type journalAppend struct {
	journal    *Journal
	done       func(error)
	generation uint32

	mu   sync.Mutex
	left int   // stretches that have not ended
	err  error // the first
}

func (a *journalAppend) failed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// settle takes the end of a stretch. What comes after a lost one is lost too, from
// now on, though the append ends when all of it has.
func (a *journalAppend) settle(err error) {
	if err != nil {
		a.journal.lose()
	}
	a.mu.Lock()
	a.left--
	if a.err == nil {
		a.err = err
	}
	last, first := a.left == 0, a.err
	a.mu.Unlock()
	if last {
		a.journal.end(first, a.done)
	}
}
