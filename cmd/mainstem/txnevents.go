package main

import (
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/server"
)

// A client can have as many transactions time out, or be fenced, as it has ids. Of each
// kind of event by itself there are so many lines in a period, so that a flood of one
// does not hide another.
const (
	txnLinesMax    = 10
	txnLinesPeriod = 10 * time.Second
)

// txnEvents writes a line for an event of the transaction coordinator.
type txnEvents struct {
	log    *zap.Logger
	limits map[txn.EventKind]*server.LogLimit // what has none is rare
}

func newTxnEvents(log *zap.Logger, c clock.Clock) *txnEvents {
	t := &txnEvents{log: log, limits: map[txn.EventKind]*server.LogLimit{}}
	for _, kind := range []txn.EventKind{txn.Long, txn.TimedOut, txn.Fenced, txn.Aborted, txn.Replaced, txn.Refused, txn.MarkersRetried, txn.MarkerRefused, txn.RecordSkipped} {
		t.limits[kind] = server.NewLogLimit(c, txnLinesMax, txnLinesPeriod)
	}
	return t
}

// write is called on a shard's goroutine.
func (t *txnEvents) write(e txn.Event) {
	fields := txnFields(&e)
	if limit := t.limits[e.Kind]; limit != nil {
		ok, suppressed := limit.Allow()
		if !ok {
			return
		}
		if suppressed > 0 {
			fields = append(fields, zap.Int("suppressed_before", suppressed))
		}
	}
	if e.Kind == txn.ShardLoaded && e.Count > 0 {
		t.log.Info("markers of transactions that were decided before are written again", fields...)
		return
	}
	t.log.Log(txnLevel(e.Kind), e.Kind.String(), fields...)
}

// txnLevel is how loud an event is: a warning is what somebody should look at.
func txnLevel(kind txn.EventKind) zapcore.Level {
	switch kind {
	case txn.Long, txn.TimedOut, txn.MarkersRetried, txn.MarkerRefused, txn.ShardLoadFailed, txn.AppendFailed, txn.RecordSkipped:
		return zapcore.WarnLevel
	case txn.Fenced, txn.Aborted, txn.Replaced, txn.Refused, txn.Expired:
		return zapcore.InfoLevel
	case txn.ShardLoading, txn.ShardLoaded, txn.ShardUnloaded:
	}
	return zapcore.DebugLevel
}

func txnFields(e *txn.Event) []zap.Field {
	fields := []zap.Field{zap.Int32("shard", e.Shard)}
	add := func(f ...zap.Field) { fields = append(fields, f...) }
	if e.ID != "" {
		add(zap.String("transactional_id", shortened(e.ID)), zap.Int64("producer", int64(e.Producer.ID)), zap.Int16("epoch", int16(e.Producer.Epoch)))
		if e.Kind != txn.Replaced && e.Kind != txn.Refused { // these have no transaction
			add(zap.Int("partitions", e.Partitions), spanOf("age", e.Age))
		}
		add(callerFields("client", "host", e.Owner)...)
	}
	if e.Kind == txn.Long {
		add(spanOf("aborted_in", e.Left))
	}
	add(callerFields("by_client", "by_host", e.Client)...)
	if e.Topic != "" {
		add(zap.String("topic", e.Topic), zap.Int32("partition", e.Partition))
	}
	if e.Reason != "" {
		add(zap.Stringer("error", e.Code), zap.String("reason", shortened(e.Reason)))
	}
	if e.Kind == txn.ShardLoaded {
		add(zap.Int("ids", e.IDs), zap.Duration("took", e.Took))
	}
	if len(e.Names) > 0 {
		names := make([]string, len(e.Names))
		for i, id := range e.Names {
			names[i] = shortened(id)
		}
		add(zap.Strings("transactional_ids", names))
	}
	if e.Count > 0 {
		add(zap.Int("count", e.Count))
	}
	if e.Err != nil {
		add(zap.Error(e.Err))
	}
	return fields
}

// spanOf is a span of time that people can read.
func spanOf(key string, d time.Duration) zap.Field {
	return zap.String(key, d.Round(time.Millisecond).String())
}

// callerFields names a client, if it is known.
func callerFields(client, host string, c txn.Caller) (fields []zap.Field) {
	if c.ClientID != "" {
		fields = append(fields, zap.String(client, shortened(c.ClientID)))
	}
	if c.ClientHost != "" {
		fields = append(fields, zap.String(host, strings.TrimPrefix(c.ClientHost, "/")))
	}
	return fields
}
