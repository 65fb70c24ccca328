package replication

import (
	"errors"
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// recordErrorsMax is how many records at fault an answer names; the others are
// counted.
const recordErrorsMax = 1000

// checkBatch refuses what may not enter the log, before any lock is taken.
// The header and the CRC are checked always. The records inside are walked
// only where a rule needs them: to count an uncompressed batch, to find
// keyless records in a compacted topic, and to name the records at fault when
// the header's timestamps are out of bounds. docs/decisions/0002 lists what
// Kafka checks beyond that.
func checkBatch(r *AppendRequest, s *cluster.TopicSettings, nowMs int64, u *unfolder) (batch.Header, *protocol.Error, []RecordError) {
	h, err := batch.Parse(r.Batch)
	if err != nil {
		return h, corrupt(err), nil
	}
	if h.Size != len(r.Batch) {
		return h, protocol.Errorf(protocol.InvalidRecord,
			"a produce request carries exactly one record batch per partition; %d bytes follow the first", len(r.Batch)-h.Size), nil
	}
	if int64(h.Size) > s.MaxMessageBytes && !r.Internal {
		return h, protocol.Errorf(protocol.MessageTooLarge,
			"the batch has %d bytes and max.message.bytes of the topic is %d: send smaller batches (batch.size, max.request.size) or raise the topic's limit",
			h.Size, s.MaxMessageBytes), nil
	}
	if h.IsTransactional() && batch.Verify(r.Batch, &h) == nil {
		return h, protocol.Errorf(protocol.TransactionalIDAuthorizationFailed,
			"the batch is transactional, and this broker has no transactions yet: unset transactional.id"), nil
	}
	if err := batch.Validate(r.Batch, &h); err != nil {
		return h, corrupt(err), nil
	}
	if h.BaseOffset != 0 {
		return h, protocol.Errorf(protocol.InvalidRecord,
			"the batch's base offset is %d; producers send 0 and the broker gives the offset", h.BaseOffset), nil
	}
	bad, perr := checkRecords(r.Batch, &h, s, nowMs, u)
	return h, perr, bad
}

// corrupt gives what is wrong with a batch Kafka's code: only what may have been
// damaged on its way is CORRUPT_MESSAGE, which clients send again.
func corrupt(err error) *protocol.Error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e
	}
	switch {
	case errors.Is(err, batch.ErrCorrupt):
		return protocol.Errorf(protocol.CorruptMessage, "%v", err)
	case errors.Is(err, batch.ErrCodec):
		return protocol.Errorf(protocol.UnsupportedCompressionType, "%v", err)
	case errors.Is(err, batch.ErrTooLarge):
		return protocol.Errorf(protocol.MessageTooLarge, "%v", err)
	default: // cut off, of an older format, or against the rules
		return protocol.Errorf(protocol.InvalidRecord, "%v", err)
	}
}

// faults collects the records at fault.
type faults struct {
	named []RecordError
	count int
}

func (f *faults) add(index int32, format string, args ...any) {
	if f.count++; f.count <= recordErrorsMax {
		f.named = append(f.named, RecordError{index, fmt.Sprintf(format, args...)})
	}
}

// checkRecords applies the rules about single records.
func checkRecords(b []byte, h *batch.Header, s *cluster.TopicSettings, nowMs int64, u *unfolder) ([]RecordError, *protocol.Error) {
	tooLate, tooEarly := timestampBounds(s, nowMs)
	timesBad := !s.LogAppendTime && (h.MaxTimestamp > tooLate || h.FirstTimestamp < tooEarly && h.FirstTimestamp >= 0)
	if !timesBad && !s.Compact && tooEarly == math.MinInt64 {
		if h.Codec() != batch.None {
			return nil, nil
		}
		if err := batch.CountRecords(b, h); err != nil {
			return nil, corrupt(err)
		}
		return nil, nil
	}
	var bad faults
	code := protocol.NoError
	index := int32(0)
	err := u.records(b, h, func(r batch.Record) error {
		ts := h.FirstTimestamp + r.TimestampDelta
		switch {
		case s.Compact && r.Key == nil:
			code = protocol.InvalidRecord
			bad.add(index, "a compacted topic takes no record without a key")
		case !s.LogAppendTime && (ts > tooLate || ts >= 0 && ts < tooEarly):
			if code == protocol.NoError {
				code = protocol.InvalidTimestamp
			}
			bad.add(index, "timestamp %d is outside %d to %d that the topic allows now", ts, tooEarly, tooLate)
		}
		index++
		return nil
	})
	if err != nil {
		return nil, corrupt(err)
	}
	if code == protocol.NoError {
		return nil, nil
	}
	return bad.named, protocol.Errorf(code, "%d of %d records are refused; the first: %s", bad.count, h.Records, bad.named[0].Message)
}

// timestampBounds gives the latest and the earliest record time that the topic takes.
func timestampBounds(s *cluster.TopicSettings, nowMs int64) (latest, earliest int64) {
	latest, earliest = math.MaxInt64, math.MinInt64
	if s.TimestampAfterMs < math.MaxInt64-nowMs {
		latest = nowMs + s.TimestampAfterMs
	}
	if s.TimestampBeforeMs < nowMs {
		earliest = nowMs - s.TimestampBeforeMs
	}
	return latest, earliest
}
