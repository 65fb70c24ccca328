package main

import (
	"errors"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mainstem-mq/mainstem/log"
)

// logEvent writes a line for an event of the log, and wakes the keeper when
// the disk is full. It is called on the log's goroutines, so it never waits.
func (b *broker) logEvent(e log.Event) {
	b.log.Log(levelOf(e), "log", zap.Stringer("event", e))
	if f, ok := e.(log.AppendsFailed); ok && errors.Is(f.Err, log.ErrDiskFull) {
		select {
		case b.full <- struct{}{}:
		default:
		}
	}
}

// levelOf is how loud an event is: an error is what clients notice.
func levelOf(e log.Event) zapcore.Level {
	switch e.(type) {
	case log.AppendsFailed, log.Latched, log.CorruptionFound, log.DamageFenced:
		return zapcore.ErrorLevel
	case log.CheckpointFailed, log.FileQuarantined, log.BackgroundFailed, log.StartMarkRestored,
		log.RebuildBegins, log.SalvagedUnreadable:
		return zapcore.WarnLevel
	}
	return zapcore.InfoLevel
}
