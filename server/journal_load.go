package server

import (
	"bytes"
	"fmt"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
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

// Load implements shard.Journal.
func (j *Journal) Load(replay func(shard.Record) error) error {
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
	o := p.Offsets()
	j.epoch = int32(o.Epoch)
	j.mu.Unlock()
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
	p *replication.Partition, from model.Offset, raw *bytes.Buffer, replay func(shard.Record) error,
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
		if err := loadBatch(&b, from, replay); err != nil {
			return from, fmt.Errorf("records: %w", err)
		}
	}
	return next, nil
}

// loadBatch replays the records of a batch, but for those below from: it may begin
// before the log start.
func loadBatch(b *batch.Batch, from model.Offset, replay func(shard.Record) error) error {
	if b.IsControl() {
		if r, ok := markerRecord(b); ok && b.BaseOffset >= from {
			return replay(r)
		}
		return nil
	}
	var of *shard.Txn
	if b.IsTransactional() {
		of = &shard.Txn{Producer: b.ProducerID, Epoch: b.ProducerEpoch}
	}
	err := batch.Records(b.Bytes, &b.Header, journalRecordsMax, func(r batch.Record) error {
		if b.BaseOffset+model.Offset(r.OffsetDelta) < from {
			return nil
		}
		return replay(shard.Record{
			Key: r.Key, Value: r.Value, Timestamp: b.FirstTimestamp + r.TimestampDelta, Topic: recordTopic(&r), Txn: of,
		})
	})
	return err //nolint:wrapcheck // The caller says where.
}

// markerRecord shows a marker as a record. A control batch that is none, or makes
// no sense, ends nothing in the log either.
func markerRecord(b *batch.Batch) (shard.Record, bool) {
	m, ok, err := batch.ReadMarker(b.Bytes, &b.Header)
	if err != nil || !ok {
		return shard.Record{}, false
	}
	end := shard.EndAbort
	if m.Commit {
		end = shard.EndCommit
	}
	return shard.Record{Timestamp: m.Timestamp, Txn: &shard.Txn{
		Producer: m.Producer, Epoch: m.Epoch, End: end, CoordinatorEpoch: m.CoordinatorEpoch,
	}}, true
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

// Epoch is that of the partition's leader, as of the last Load.
func (j *Journal) Epoch() int32 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.epoch
}
