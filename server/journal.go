package server

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/replication"
)

const (
	journalReadBytes = 1 << 20
	// journalRecordsMax bounds what one batch of the journal may unfold to.
	journalRecordsMax = 64 << 20
)

// journalTopicHeader is the record header that holds coordinator.Record.Topic.
const journalTopicHeader = "mainstem.topic.id"

// journalTopicRoom is how long that header is, with its two lengths.
const journalTopicRoom = 2 + len(journalTopicHeader) + len(model.TopicID{})

// errJournalLost is what appends get after one has failed, until the shard is
// loaded again: they were built on state that is not there.
var errJournalLost = errors.New("an earlier append of the shard was lost")

// Journal is a coordinator's memory in one partition of its internal topic. It
// must be loaded before its first append.
//
// When an append fails, those that come after it fail too, until the next Load.
// Two things see to that: lost, once the failure was reported here; and before,
// as the report takes its time, the generation, which the partition raises
// together with the failure and compares with that of each append.
type Journal struct {
	find  func() (*replication.Partition, error)
	clock clock.Clock

	mu         sync.Mutex
	settled    sync.Cond // an append has ended
	issued     uint64    // appends begun
	ended      uint64
	lost       bool
	generation uint32    // of the partition, as of the last Load
	barriers   []barrier // ascending by after
}

type barrier struct {
	after uint64
	done  func(error)
}

var _ coordinator.Journal = (*Journal)(nil)

// NewOffsetsJournal is the journal of one shard of the group coordinator.
func NewOffsetsJournal(ps *replication.Partitions, c clock.Clock, shard int32) *Journal {
	j := &Journal{clock: c, lost: true, find: func() (*replication.Partition, error) {
		p, err := ps.Find(cluster.OffsetsTopic, shard)
		if err != nil {
			return nil, fmt.Errorf("journal of shard %d: %w", shard, err)
		}
		return p, nil
	}}
	j.settled.L = &j.mu
	return j
}

// Append implements coordinator.Journal.
func (j *Journal) Append(records []coordinator.Record, done func(error)) {
	p, data, err := j.prepare(records)
	j.mu.Lock()
	j.lost = j.lost || err != nil
	if err == nil && j.lost {
		err = errJournalLost
	}
	if err != nil {
		j.mu.Unlock()
		done(err)
		return
	}
	j.issued++
	generation := j.generation
	j.mu.Unlock()
	p.Append(replication.AppendRequest{Batch: data, Internal: true, Generation: generation}, func(r replication.AppendResult) {
		var err error
		if r.Err != nil {
			err = r.Err
		}
		j.end(err, done)
	})
}

// prepare makes a batch of the records, and finds the partition for it.
func (j *Journal) prepare(records []coordinator.Record) (*replication.Partition, []byte, error) {
	p, err := j.find()
	if err != nil {
		return nil, nil, err
	}
	b := batch.NewBuilder(batch.None)
	b.Grow(batchRoom(records))
	now := j.clock.Now().UnixMilli()
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
	data, err := b.Take()
	if err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	return p, data, nil
}

// batchRoom bounds the bytes that records take in a batch.
func batchRoom(records []coordinator.Record) int {
	n := 0
	for i := range records {
		n += batch.RecordOverhead + len(records[i].Key) + len(records[i].Value)
		if !records[i].Topic.IsZero() {
			n += journalTopicRoom
		}
	}
	return n
}

// end counts the end of an append and lets go of the barriers it held up.
func (j *Journal) end(err error, done func(error)) {
	j.mu.Lock()
	j.ended++
	j.lost = j.lost || err != nil
	var due []barrier
	for len(j.barriers) > 0 && j.barriers[0].after <= j.ended {
		due = append(due, j.barriers[0])
		j.barriers = j.barriers[1:]
	}
	lost := j.lost
	j.settled.Broadcast()
	j.mu.Unlock()
	done(err)
	for _, b := range due {
		b.done(lostError(lost))
	}
}

func lostError(lost bool) error {
	if lost {
		return errJournalLost
	}
	return nil
}

// Barrier implements coordinator.Journal.
func (j *Journal) Barrier(done func(error)) {
	j.mu.Lock()
	lost := j.lost
	wait := j.ended < j.issued
	if wait {
		j.barriers = append(j.barriers, barrier{j.issued, done})
	}
	j.mu.Unlock()
	if !wait {
		done(lostError(lost))
	}
}

// Load implements coordinator.Journal.
func (j *Journal) Load(replay func(coordinator.Record) error) error {
	p, err := j.find()
	if err != nil {
		return err
	}
	j.mu.Lock()
	for j.ended < j.issued {
		j.settled.Wait()
	}
	// Nothing of the shard is under way, so what fails from here on fails what
	// is built on the records that are read now.
	j.lost, j.generation = false, p.Generation()
	j.mu.Unlock()
	o := p.Offsets()
	at := o.LogStart
	var raw bytes.Buffer
	for at < o.HighWatermark {
		next, err := loadSome(p, at, &raw, replay)
		if err != nil {
			return fmt.Errorf("journal %s-%d at offset %d: %w", p.Topic().Name, p.Index(), at, err)
		}
		at = next
	}
	return nil
}

// loadSome replays the next batches, and returns the offset behind them. raw is
// for their bytes.
func loadSome(
	p *replication.Partition, from model.Offset, raw *bytes.Buffer, replay func(coordinator.Record) error,
) (model.Offset, error) {
	var data span.List
	defer data.Release()
	res := p.Read(replication.ReadRequest{
		From: from, MaxBytes: journalReadBytes, MinOne: true, CurrentEpoch: -1, LastFetchedEpoch: -1,
	}, &data)
	if res.Err != nil {
		return from, res.Err
	}
	if data.Len() == 0 {
		return res.HighWatermark, nil
	}
	raw.Reset()
	raw.Grow(data.Len())
	if _, err := data.WriteTo(raw); err != nil {
		return from, fmt.Errorf("read: %w", err)
	}
	next := from
	for b, err := range batch.Split(raw.Bytes()) {
		if err != nil {
			return from, fmt.Errorf("split: %w", err)
		}
		next = b.LastOffset() + 1
		if b.IsControl() {
			continue
		}
		err := batch.Records(b.Bytes, &b.Header, journalRecordsMax, func(r batch.Record) error {
			if b.BaseOffset+model.Offset(r.OffsetDelta) < from {
				return nil // the batch begins before the log start
			}
			return replay(coordinator.Record{
				Key: r.Key, Value: r.Value, Timestamp: b.FirstTimestamp + r.TimestampDelta,
				Topic: recordTopic(&r),
			})
		})
		if err != nil {
			return from, fmt.Errorf("records: %w", err)
		}
	}
	return next, nil
}

// recordTopic reads the topic that a record is for; zero if it does not say.
func recordTopic(r *batch.Record) (id model.TopicID) {
	if r.HeaderCount() == 0 {
		return id
	}
	for key, value := range r.Headers() {
		if string(key) == journalTopicHeader && len(value) == len(id) {
			copy(id[:], value)
		}
	}
	return id
}
