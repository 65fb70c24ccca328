package main

import (
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/mainstem-mq/mainstem/log"
)

// What is as it should be is no warning, and what happens all the time is for
// who debugs.
func TestLevelsOfEvents(t *testing.T) {
	for _, c := range []struct {
		event log.Event
		want  zapcore.Level
	}{
		{log.CheckpointWritten{Partitions: 1}, zapcore.DebugLevel},
		{log.RebuildBegins{Why: "there is no checkpoint", Young: true}, zapcore.InfoLevel},
		{log.RebuildBegins{Why: "there is no checkpoint"}, zapcore.WarnLevel},
		{log.DamageFenced{}, zapcore.ErrorLevel},
		{log.CorruptionFound{}, zapcore.ErrorLevel},
		{log.CorruptionFound{Given: true}, zapcore.InfoLevel},
		{log.Recovered{}, zapcore.InfoLevel},
	} {
		if got := levelOf(c.event); got != c.want {
			t.Errorf("%T: %v, want %v", c.event, got, c.want)
		}
	}
}
