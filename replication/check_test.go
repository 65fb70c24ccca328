package replication

import (
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// What may not enter the log is refused with Kafka's error, and leaves no trace.
func TestRefusedBatches(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 1)
		good := func() []byte { return w.records(builder(), 2) }
		at := func(offset time.Duration, key []byte) []byte {
			b := builder()
			b.Add(begin, []byte("k"), nil)
			b.Add(begin+offset.Milliseconds(), key, nil)
			built, err := b.Build(nil)
			if err != nil {
				t.Fatal(err)
			}
			return built
		}
		with := func(change func(*cluster.TopicSettings)) cluster.TopicSettings {
			s := syncFlush()
			change(&s)
			return s
		}
		plain := syncFlush()
		small := with(func(s *cluster.TopicSettings) { s.MaxMessageBytes = 100 })
		compacted := with(func(s *cluster.TopicSettings) { s.Compact = true })
		recent := with(func(s *cluster.TopicSettings) { s.TimestampBeforeMs = 1000 })
		for _, c := range []struct {
			name     string
			settings cluster.TopicSettings
			batch    []byte
			code     protocol.ErrorCode
			words    string
			record   int32 // at fault; -1: none
		}{
			{"good", plain, good(), protocol.NoError, "", -1},
			{"no bytes", plain, nil, protocol.InvalidRecord, "cut off", -1},
			{"cut short", plain, good()[:70], protocol.InvalidRecord, "cut off", -1},
			{"a flipped bit", plain, flipped(good(), 65), protocol.CorruptMessage, "CRC", -1},
			{"another magic", plain, changed(good(), 16, 1), protocol.InvalidRecord, "only v2", -1},
			{"two batches", plain, append(good(), good()...), protocol.InvalidRecord, "exactly one", -1},
			{"a base offset", plain, changed(good(), 7, 9), protocol.InvalidRecord, "base offset", -1},
			{"control batch", plain, w.records(control(), 1), protocol.InvalidRecord, "", -1},
			{"transactional", plain, w.records(transactional(), 1), protocol.InvalidTxnState, "not part of a transaction", -1},
			{"too large", small, w.records(builder(), 10), protocol.MessageTooLarge, "100", -1},
			{"just within", with(func(s *cluster.TopicSettings) { s.MaxMessageBytes = int64(len(good())) }), good(), protocol.NoError, "", -1},
			{"no key, compacted", compacted, at(0, nil), protocol.InvalidRecord, "key", 1},
			{"a key, compacted", compacted, at(0, []byte("k")), protocol.NoError, "", -1},
			{"from the future", plain, at(2*time.Hour, nil), protocol.InvalidTimestamp, "", 1},
			{"from the past", recent, at(-time.Minute, nil), protocol.InvalidTimestamp, "", 1},
			{"just old enough", recent, at(-time.Second, nil), protocol.NoError, "", -1},
		} {
			t.Run(c.name, func(t *testing.T) {
				w.settings = c.settings
				end := p.Offsets().End
				var a answers
				w.append(p, c.batch, &a)
				w.settle()
				list := a.all()
				if len(list) != 1 {
					t.Fatalf("%d answers", len(list))
				}
				got := list[0]
				if c.code == protocol.NoError {
					if got.Err != nil || got.BaseOffset != end {
						t.Fatalf("%+v", got)
					}
					return
				}
				if got.Err == nil || got.Err.Code != c.code || !strings.Contains(got.Err.Error(), c.words) {
					t.Fatalf("%v, want %v with %q", got.Err, c.code, c.words)
				}
				if c.record >= 0 && (len(got.RecordErrors) != 1 || got.RecordErrors[0].Index != c.record) {
					t.Fatalf("records at fault: %+v, want %d", got.RecordErrors, c.record)
				}
				wantOffsets(t, "nothing was appended", p, 0, end, end)
			})
		}
	})
}

func control() *batch.Builder {
	b := idempotent(0, 0)
	b.Control = true
	return b
}

func transactional() *batch.Builder {
	b := idempotent(0, 0)
	b.Transactional = true
	return b
}

func flipped(b []byte, at int) []byte {
	b[at] ^= 4
	return b
}

// changed sets a byte that the CRC does not cover.
func changed(b []byte, at int, to byte) []byte {
	b[at] = to
	return b
}

// The broker's own records are not bound by a client's limits.
func TestInternalAppendsHaveNoSizeLimit(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.settings.MaxMessageBytes = 10
		var a answers
		p.Append(AppendRequest{Batch: w.records(builder(), 5), Internal: true}, a.add)
		w.settle()
		a.want(t, "internal", 0)
	})
}

func TestLogAppendTime(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.settings.LogAppendTime = true
		old := builder()
		old.Add(1234, nil, []byte("v"))
		b, err := old.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		var a answers
		w.append(p, b, &a)
		w.settle()
		a.want(t, "appended", 0)
		if got := a.all()[0].LogAppendTime; got != begin {
			t.Fatalf("append time %d, want %d", got, begin)
		}
		if found, err := p.FindOffset(TimestampMax, false, -1); err != nil || found.Timestamp != begin || found.Offset != 0 {
			t.Fatalf("%+v, %v", found, err)
		}
		// A repeated batch is answered with its original's time.
		w.append(p, w.records(idempotent(0, 0), 1), &a)
		w.settle()
		w.clock.Advance(time.Minute)
		w.append(p, w.records(idempotent(0, 0), 1), &a)
		w.settle()
		a.want(t, "and repeated", 0, 1, 1)
		if got := a.all()[2].LogAppendTime; got != begin {
			t.Fatalf("append time of a duplicate %d, want %d", got, begin)
		}
	})
}

func TestSequences(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		var a answers
		send := func(epoch, sequence, n int) {
			w.append(p, w.records(idempotent(model.ProducerEpoch(epoch), int32(sequence)), n), &a)
			w.settle()
		}
		send(0, 0, 2)
		send(0, 2, 3)
		send(0, 6, 1)
		a.wantCode(t, "a gap", protocol.OutOfOrderSequenceNumber)
		send(0, 2, 3)
		a.want(t, "a retry", 0, 2, -1, 2)
		send(1, 1, 1)
		a.wantCode(t, "an epoch that does not begin at 0", protocol.OutOfOrderSequenceNumber)
		send(1, 0, 1)
		send(0, 5, 1)
		a.wantCode(t, "a fenced epoch", protocol.InvalidProducerEpoch)
		w.crash(nil)
		p = w.part(0)
		send(1, 0, 1)
		send(1, 1, 1)
		a.want(t, "after a restart: a retry, and the next", 0, 2, -1, 2, -1, 5, -1, 5, 6)
	})
}
