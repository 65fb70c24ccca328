package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestTxnEvents: each event has a line that names whose transaction it is about, as loud
// as it is worth.
func TestTxnEvents(t *testing.T) {
	t.Parallel()
	about := txn.Event{
		Shard: 7, ID: "payments", Producer: txn.Producer{ID: 4711, Epoch: 3}, Partitions: 2, Age: 48 * time.Second,
		Owner: txn.Caller{ClientID: "billing", ClientHost: "/10.0.0.1"},
	}
	named := func(more map[string]any) map[string]any {
		m := map[string]any{
			"shard": int32(7), "transactional_id": "payments", "producer": int64(4711), "epoch": int16(3), "partitions": int64(2),
			"age": "48s", "client": "billing", "host": "10.0.0.1",
		}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	with := func(kind txn.EventKind, change func(*txn.Event)) txn.Event {
		e := about
		e.Kind = kind
		change(&e)
		return e
	}
	newer := func(e *txn.Event) { e.Client = txn.Caller{ClientID: "billing-2", ClientHost: "/10.0.0.2"} }
	for _, c := range []struct {
		event   txn.Event
		level   zapcore.Level
		message string
		fields  map[string]any
	}{
		{
			with(txn.Long, func(e *txn.Event) { e.Left = 12 * time.Second }),
			zapcore.WarnLevel, "transaction open for long", named(map[string]any{"aborted_in": "12s"}),
		},
		{with(txn.TimedOut, func(*txn.Event) {}), zapcore.WarnLevel, "transaction timed out", named(nil)},
		{
			with(txn.Fenced, newer), zapcore.InfoLevel, "transaction aborted by a newer producer",
			named(map[string]any{"by_client": "billing-2", "by_host": "10.0.0.2"}),
		},
		{
			with(txn.Aborted, newer), zapcore.InfoLevel, "transaction aborted by an operator",
			named(map[string]any{"by_client": "billing-2", "by_host": "10.0.0.2"}),
		},
		{
			with(txn.MarkersRetried, func(e *txn.Event) {
				e.Count, e.Topic, e.Partition, e.Code, e.Reason = 2, "t", 1, protocol.KafkaStorageError, "the disk is full"
			}),
			zapcore.WarnLevel, "markers tried again",
			named(map[string]any{"count": int64(2), "topic": "t", "partition": int32(1), "error": "KAFKA_STORAGE_ERROR", "reason": "the disk is full"}),
		},
		{
			with(txn.MarkerRefused, func(e *txn.Event) {
				e.Count, e.Topic, e.Code, e.Reason = 1, "t", protocol.InvalidProducerEpoch, "a newer one"
			}),
			zapcore.WarnLevel, "marker refused",
			named(map[string]any{"count": int64(1), "topic": "t", "partition": int32(0), "error": "INVALID_PRODUCER_EPOCH", "reason": "a newer one"}),
		},
		{
			txn.Event{
				Kind: txn.Replaced, Shard: 7, ID: "payments", Producer: about.Producer, Owner: about.Owner,
				Client: txn.Caller{ClientID: "billing-2", ClientHost: "/10.0.0.2"},
			},
			zapcore.InfoLevel, "producer replaced",
			map[string]any{
				"shard": int32(7), "transactional_id": "payments", "producer": int64(4711), "epoch": int16(3),
				"client": "billing", "host": "10.0.0.1", "by_client": "billing-2", "by_host": "10.0.0.2",
			},
		},
		{
			txn.Event{Kind: txn.Refused, Shard: 7, ID: "payments", Producer: about.Producer, Code: protocol.ProducerFenced, Reason: "a newer one"},
			zapcore.InfoLevel, "producer refused",
			map[string]any{
				"shard": int32(7), "transactional_id": "payments", "producer": int64(4711), "epoch": int16(3),
				"error": "PRODUCER_FENCED", "reason": "a newer one",
			},
		},
		{
			txn.Event{Kind: txn.Expired, Shard: 7, Count: 5, Names: []string{"a", "b", "c"}},
			zapcore.InfoLevel, "transactional ids expired",
			map[string]any{"shard": int32(7), "count": int64(5), "transactional_ids": []any{"a", "b", "c"}},
		},
		{
			txn.Event{Kind: txn.ShardLoaded, Shard: 7, IDs: 5, Count: 2, Took: time.Second},
			zapcore.InfoLevel, "markers of transactions that were decided before are written again",
			map[string]any{"shard": int32(7), "ids": int64(5), "count": int64(2), "took": time.Second},
		},
		{
			txn.Event{Kind: txn.ShardLoaded, Shard: 7, IDs: 5, Took: time.Second},
			zapcore.DebugLevel, "shard loaded",
			map[string]any{"shard": int32(7), "ids": int64(5), "took": time.Second},
		},
		{
			txn.Event{Kind: txn.AppendFailed, Shard: 7, Err: errors.New("no room")},
			zapcore.WarnLevel, "append failed",
			map[string]any{"shard": int32(7), "error": "no room"},
		},
	} {
		core, lines := observer.New(zapcore.DebugLevel)
		newTxnEvents(zap.New(core), clock.NewManual(time.Unix(1, 0))).write(c.event)
		if lines.Len() != 1 {
			t.Errorf("%s: %d lines", c.message, lines.Len())
			continue
		}
		got := lines.All()[0]
		if got.Level != c.level || got.Message != c.message {
			t.Errorf("%s %q, want %s %q", got.Level, got.Message, c.level, c.message)
		}
		if diff := cmp.Diff(c.fields, got.ContextMap()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.message, diff)
		}
	}
}

// TestTxnEventsBounded: a client that has one transaction after the other time out
// fills no log, and hides no other event; how much was left out is told.
func TestTxnEventsBounded(t *testing.T) {
	t.Parallel()
	core, lines := observer.New(zapcore.InfoLevel)
	wall := clock.NewManual(time.Unix(1, 0))
	events := newTxnEvents(zap.New(core), wall)
	for i := range 1000 {
		events.write(txn.Event{Kind: txn.TimedOut, ID: fmt.Sprint(i)})
		events.write(txn.Event{Kind: txn.Fenced, ID: fmt.Sprint(i)})
	}
	events.write(txn.Event{Kind: txn.MarkersRetried, ID: "mine", Count: 1})
	of := func(kind txn.EventKind) []observer.LoggedEntry { return lines.FilterMessage(kind.String()).All() }
	if timed, fenced, mine := of(txn.TimedOut), of(txn.Fenced), of(txn.MarkersRetried); len(timed) != txnLinesMax || len(fenced) != txnLinesMax || len(mine) != 1 {
		t.Fatalf("%d, %d and %d lines", len(timed), len(fenced), len(mine))
	}
	wall.Advance(txnLinesPeriod)
	events.write(txn.Event{Kind: txn.TimedOut, ID: "late"})
	if last := of(txn.TimedOut)[txnLinesMax].ContextMap(); last["transactional_id"] != "late" || last["suppressed_before"] != int64(1000-txnLinesMax) {
		t.Errorf("%v", last)
	}
}
