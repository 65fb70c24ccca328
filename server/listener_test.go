package server

import (
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// A failure that lasts is told once a minute, however often it comes.
func TestAcceptFailureIsToldSeldom(t *testing.T) {
	now := clock.NewManual(time.Unix(1_700_000_000, 0))
	core, logs := observer.New(zap.WarnLevel)
	l := &listener{srv: &Server{clock: now, log: zap.New(core)}, name: "test"}
	for range 150 {
		l.acceptFailed(syscall.EMFILE)
		now.Advance(time.Second)
	}
	lines := logs.FilterMessageSnippet("accept failed").All()
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	if n := lines[2].ContextMap()["times"]; n != int64(60) {
		t.Errorf("the last line tells of %v times", n)
	}
}
