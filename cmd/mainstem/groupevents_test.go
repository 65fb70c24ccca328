package main

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/mainstem-mq/mainstem/coordinator"
)

// TestEventsOfLongIDs: members with ids of 32 KiB do not fill the log, whose lines
// still say what happened.
func TestEventsOfLongIDs(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	b := &broker{log: zap.New(core)}
	id := strings.Repeat("\x00", 1<<15-1)
	b.groupEvent(coordinator.Event{Kind: coordinator.RebalanceStarted, Group: id, Reason: "member " + id + " joins"})
	b.groupEvent(coordinator.Event{Kind: coordinator.RebalanceStarted, Group: "orders", Reason: "member m1 joins"})
	size := 0
	for _, field := range lines.All()[0].Context {
		size += len(field.String)
	}
	if reason := lines.All()[0].ContextMap()["reason"].(string); size > 1000 ||
		!strings.HasPrefix(reason, "member ") || !strings.HasSuffix(reason, " joins") {
		t.Errorf("%d bytes: %q", size, reason)
	}
	if line := lines.All()[1].ContextMap(); line["group"] != "orders" || line["reason"] != "member m1 joins" {
		t.Error(line)
	}
}
