package replication

import (
	"math"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// sent is a batch of n records that begins with a sequence.
func sent(epoch model.ProducerEpoch, first, n int32) *batch.Header {
	return &batch.Header{ProducerID: 7, ProducerEpoch: epoch, BaseSequence: first, LastOffsetDelta: n - 1, Records: n}
}

// wrote is what a producer left: batches of 10 records, by first sequence.
func wrote(epoch model.ProducerEpoch, firsts ...int32) *producerView {
	v := &producerView{known: true, epoch: epoch, lastSequence: -1}
	for i, f := range firsts {
		last := int32((int64(f) + 9) & math.MaxInt32)
		v.lastSequence = last
		v.recent = append(v.recent, log.ProducerBatch{
			FirstSequence: f, LastSequence: last, LastOffset: model.Offset(100 + 10*i + 9), OffsetDelta: 9,
		})
	}
	return v
}

func TestCheckSequence(t *testing.T) {
	const accepted = protocol.NoError
	for _, c := range []struct {
		name      string
		view      *producerView
		batch     *batch.Header
		code      protocol.ErrorCode
		duplicate model.Offset // last offset of the original; 0: not a duplicate
	}{
		{"an unknown producer may begin anywhere (KIP-360)", &producerView{}, sent(0, 500, 10), accepted, 0},
		{"the next sequence", wrote(0, 0), sent(0, 10, 5), accepted, 0},
		{"a gap", wrote(0, 0), sent(0, 11, 5), protocol.OutOfOrderSequenceNumber, 0},
		{"the newest again", wrote(0, 0, 10, 20), sent(0, 20, 10), accepted, 129},
		{"the oldest remembered again", wrote(0, 0, 10, 20, 30, 40), sent(0, 0, 10), accepted, 109},
		{"forgotten", wrote(0, 10, 20, 30, 40, 50), sent(0, 0, 10), protocol.OutOfOrderSequenceNumber, 0},
		{"same start, other length", wrote(0, 0), sent(0, 0, 9), protocol.OutOfOrderSequenceNumber, 0},
		{"an older epoch", wrote(3, 0), sent(2, 10, 1), protocol.InvalidProducerEpoch, 0},
		{"a newer epoch begins at 0", wrote(3, 0), sent(4, 0, 1), accepted, 0},
		{"a newer epoch begins late", wrote(3, 0), sent(4, 10, 1), protocol.OutOfOrderSequenceNumber, 0},
		{"an epoch without batches begins at 0", wrote(3), sent(3, 0, 1), accepted, 0},
		{"an epoch without batches begins late", wrote(3), sent(3, 1, 1), protocol.OutOfOrderSequenceNumber, 0},
		{"the broker's own has no sequence", wrote(3, 0), sent(3, -1, 1), accepted, 0},
		{"the broker's own of an older epoch", wrote(3, 0), sent(2, -1, 1), protocol.InvalidProducerEpoch, 0},
		{"the sequence wraps to 0", wrote(0, math.MaxInt32-9), sent(0, 0, 10), accepted, 0},
		{"a batch across the wrap", wrote(0, math.MaxInt32-19), sent(0, math.MaxInt32-9, 20), accepted, 0},
		{"after a batch across the wrap", wrote(0, math.MaxInt32-4), sent(0, 5, 10), accepted, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dup := c.view.duplicate(c.batch)
			var err *protocol.Error
			if dup == nil {
				err = checkSequence(c.view, c.batch)
			}
			code := protocol.NoError
			if err != nil {
				code = err.Code
			}
			if code != c.code {
				t.Fatalf("code %v (%v), want %v", code, err, c.code)
			}
			if (dup != nil) != (c.duplicate != 0) || dup != nil && dup.LastOffset != c.duplicate {
				t.Fatalf("duplicate %+v, want original ending at %d", dup, c.duplicate)
			}
		})
	}
}

func TestWaitersLeaveInOrderOfOffset(t *testing.T) {
	var l waiterList
	var got []model.Offset
	add := func(until model.Offset) {
		l.add(&waiter{until: until, done: func(AppendResult) { got = append(got, until) }})
	}
	for _, until := range []model.Offset{10, 20, 30, 20, 5} {
		add(until)
	}
	succeedAll(l.takeUpTo(4), 0)
	succeedAll(l.takeUpTo(20), 0)
	add(25)
	failAll(l.takeAbove(25), protocol.Errorf(protocol.KafkaStorageError, "gone"))
	succeedAll(l.takeUpTo(100), 0)
	want := []model.Offset{5, 10, 20, 20, 30, 25}
	if len(got) != len(want) {
		t.Fatalf("answered %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("answered %v, want %v", got, want)
		}
	}
}
