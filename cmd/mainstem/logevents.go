package main

import (
	"errors"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/log"
)

// logEvent writes a line for an event of the log, and has the disk looked after
// when the log takes room or finds none. It is called on the log's goroutines,
// the writer's too, so it waits for nothing but the line, and where the disk has
// just refused appends: then for the ballast, without which they would be
// refused again.
func (b *broker) logEvent(e log.Event) {
	b.log.Log(levelOf(e), "log", zap.Stringer("event", e))
	switch e := e.(type) {
	case log.AppendsFailed:
		if errors.Is(e.Err, log.ErrDiskFull) {
			b.disk.Refused()
			b.askForRoom()
		}
	case log.SegmentCreated:
		b.disk.Poke()
		// Else the log would be over its share until the next round.
		if b.cfg.Resolver.Int(b.meta.Image(), cluster.DiskShareKey) > 0 {
			b.askForRoom()
		}
	}
}

// levelOf is how loud an event is: an error is what clients notice.
func levelOf(e log.Event) zapcore.Level {
	switch e := e.(type) {
	case log.CheckpointWritten:
		return zapcore.DebugLevel // one each few seconds while something is written
	case log.RebuildBegins:
		if e.Young {
			return zapcore.InfoLevel
		}
		return zapcore.WarnLevel
	case log.CorruptionFound:
		if e.Given {
			return zapcore.InfoLevel
		}
		return zapcore.ErrorLevel
	case log.AppendsFailed, log.Latched, log.DamageFenced:
		return zapcore.ErrorLevel
	case log.CheckpointFailed, log.FileQuarantined, log.BackgroundFailed, log.StartMarkRestored,
		log.SalvagedUnreadable, log.DamageLifted:
		return zapcore.WarnLevel
	case log.PartitionCompacted:
		return zapcore.DebugLevel // the compactor tells more, by the topic's name
	}
	return zapcore.InfoLevel
}
