package server

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/protocol/legacy"
	"github.com/mainstem-mq/mainstem/replication"
)

// Clients from before Kafka 0.11 write and read messages of magic 0 and 1. Kafka 4
// hangs up on them without a word; here they are served, by conversion at the two
// ends of their requests: what is stored is what everybody stores. The handlers of
// Produce, Fetch, ListOffsets and OffsetFetch come here by the version, and nothing
// else of them knows of it. docs/decisions/0012 says what it costs.

const (
	// produceBatches and fetchBatches are the first versions whose clients know
	// record batches.
	produceBatches = 3
	fetchBatches   = 4
	// produceStorage and fetchStorage are the first whose clients know
	// KAFKA_STORAGE_ERROR; who does not would not try again.
	produceStorage = 4
	fetchStorage   = 6
	// messageRecordsMax is what a compressed message or batch may hold where it is
	// unfolded for a conversion.
	messageRecordsMax = 64 << 20
)

// upConvert makes a record batch of a partition's message set. converted: the batch
// is not in the request's memory.
func (s *Server) upConvert(part *replication.Partition, rp *kmsg.ProduceRequestTopicPartition) (converted bool, err *protocol.Error) {
	set := rp.Records
	if len(set) >= batch.HeaderSize && set[atMagic] == batch.Magic {
		return false, nil // Kafka takes batches in any version.
	}
	most := s.configs.TopicSettings(s.meta.Image(), part.Topic()).MaxMessageBytes
	made, upErr := legacy.Up(set, legacy.Limits{Batch: int(most), Records: messageRecordsMax})
	if upErr != nil {
		return false, conversionError(upErr)
	}
	rp.Records = made
	return true, nil
}

// atMagic is where all formats have the magic.
const atMagic = 16

// conversionError gives what is wrong with messages Kafka's code.
func conversionError(err error) *protocol.Error {
	code := protocol.InvalidRecord
	switch {
	case errors.Is(err, batch.ErrCorrupt):
		code = protocol.CorruptMessage
	case errors.Is(err, batch.ErrCodec):
		code = protocol.UnsupportedCompressionType
	case errors.Is(err, batch.ErrTooLarge):
		code = protocol.MessageTooLarge
	}
	return protocol.Errorf(code, "%v", err)
}

// keeping keeps a request's memory until its batch, which is in memory of its own,
// has left: so the bytes that wait for the disk stay bounded.
func keeping(buffer *span.Buffer, done func(replication.AppendResult)) func(replication.AppendResult) {
	if buffer == nil {
		return done
	}
	buffer.Retain()
	return func(r replication.AppendResult) {
		buffer.Release()
		done(r)
	}
}

// oldCode is a code as clients know it that may be from before it.
func oldCode(code protocol.ErrorCode, version, storage int16) protocol.ErrorCode {
	if code == protocol.KafkaStorageError && version < storage {
		return protocol.NotLeaderOrFollower // they look for the leader, and try again
	}
	return code
}

// oldOffsets is the answer of ListOffsets version 0: offsets before a time, the
// latest first. Kafka gives where its segments begin; a partition has none here, so
// it is the first offset that is not before the time, and the log start.
func oldOffsets(start, found int64, most int32) []int64 {
	offsets := []int64{found}
	if start < found {
		offsets = append(offsets, start)
	}
	return offsets[:min(len(offsets), int(max(most, 0)))]
}

// uncoordinated prepares for a client of the first version of OffsetCommit or
// OffsetFetch: it does not ask for a coordinator, so that nobody may have made the topic
// of groups yet.
func (s *Server) uncoordinated() {
	// Where it fails, which is logged, the coordinator itself will answer.
	_ = s.createInternal(s.offsets)
}

// oldUncommitted says UNKNOWN_TOPIC_OR_PARTITION where nothing is committed, as
// clients of OffsetFetch version 0 expect it.
func oldUncommitted(resp *kmsg.OffsetFetchResponse) {
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			if p := &resp.Topics[i].Partitions[j]; p.Offset < 0 && p.ErrorCode == 0 {
				p.ErrorCode = int16(protocol.UnknownTopicOrPartition)
			}
		}
	}
}
