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

// recordsMax is what a compressed batch may hold where its records must be
// looked at; one that holds more is refused.
const recordsMax = 64 << 20

// checkBatch refuses what may not enter the log, before any lock is taken.
// The header and the CRC are checked always. The records inside are walked
// only where a rule needs them: an uncompressed batch's to count them and to
// find their largest timestamp, keyless ones in a compacted topic, and those at
// fault when timestamps are out of bounds. docs/decisions/0002 lists what
// Kafka checks beyond that.
func checkBatch(r *AppendRequest, s *cluster.TopicSettings, nowMs int64) (batch.Header, *protocol.Error, []RecordError) {
	if s.ImportSource != "" && !r.Internal {
		return batch.Header{}, protocol.Errorf(protocol.PolicyViolation,
			"the topic is being imported from %s and takes no other records until that has ended (%s)", s.ImportSource, cluster.ImportSourceKey), nil
	}
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
	validate := batch.Validate
	if r.Internal {
		validate = batch.ValidateInternal
	}
	if err := validate(r.Batch, &h); err != nil {
		return h, corrupt(err), nil
	}
	if h.BaseOffset != 0 {
		return h, protocol.Errorf(protocol.InvalidRecord,
			"the batch's base offset is %d; producers send 0 and the broker gives the offset", h.BaseOffset), nil
	}
	bad, perr := checkRecords(r.Batch, &h, s, nowMs)
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

// checkRecords applies the rules about single records, and puts the largest
// timestamp right if the header does not say it as the records do.
func checkRecords(b []byte, h *batch.Header, s *cluster.TopicSettings, nowMs int64) ([]RecordError, *protocol.Error) {
	c := recordCheck{s: s, first: h.FirstTimestamp, latest: math.MinInt64}
	c.tooLate, c.tooEarly = timestampBounds(s, nowMs)
	each := s.Compact || c.tooEarly > math.MinInt64
	if !each {
		var err error
		if c.latest, err = latestOf(b, h); err != nil {
			return nil, corrupt(err)
		}
		each = c.latest > c.tooLate
	}
	if each {
		c.latest = math.MinInt64
		if err := batch.Heads(b, h, recordsMax, c.record); err != nil {
			return nil, corrupt(err)
		}
	}
	if c.code != protocol.NoError {
		return c.bad.named, protocol.Errorf(c.code, "%d of %d records are refused; the first: %s", c.bad.count, h.Records, c.bad.named[0].Message)
	}
	if h.MaxTimestamp != c.latest && !s.LogAppendTime {
		h.MaxTimestamp, h.CRC = c.latest, batch.SetMaxTimestamp(b, c.latest)
	}
	return nil, nil
}

// latestOf is the largest timestamp that is known without unfolding a batch.
func latestOf(b []byte, h *batch.Header) (int64, error) {
	if h.Codec() != batch.None {
		return h.MaxTimestamp, nil
	}
	return batch.CheckFrames(b, h) //nolint:wrapcheck // The caller gives it Kafka's code.
}

// recordCheck looks at the records of a batch, one after the other.
type recordCheck struct {
	s                 *cluster.TopicSettings
	first             int64 // what the records' timestamps are relative to
	tooLate, tooEarly int64
	latest            int64
	index             int32
	code              protocol.ErrorCode
	bad               faults
}

func (c *recordCheck) record(r batch.Record) error {
	ts := c.first + r.TimestampDelta
	switch {
	case c.s.Compact && r.Key == nil:
		c.code = protocol.InvalidRecord
		c.bad.add(c.index, "a compacted topic takes no record without a key")
	case ts > c.tooLate || ts >= 0 && ts < c.tooEarly:
		if c.code == protocol.NoError {
			c.code = protocol.InvalidTimestamp
		}
		c.bad.add(c.index, "timestamp %d is outside %d to %d that the topic allows now", ts, c.tooEarly, c.tooLate)
	}
	c.latest = max(c.latest, ts)
	c.index++
	return nil
}

// timestampBounds gives the latest and the earliest record time that the topic
// takes. Where the broker sets the times, it does not matter what they were.
func timestampBounds(s *cluster.TopicSettings, nowMs int64) (latest, earliest int64) {
	latest, earliest = math.MaxInt64, math.MinInt64
	if s.LogAppendTime {
		return latest, earliest
	}
	if s.TimestampAfterMs < math.MaxInt64-nowMs {
		latest = nowMs + s.TimestampAfterMs
	}
	if s.TimestampBeforeMs < nowMs {
		earliest = nowMs - s.TimestampBeforeMs
	}
	return latest, earliest
}
