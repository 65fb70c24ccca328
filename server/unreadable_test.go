package server_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestUnreadableIsTold: a Fetch that the disk does not serve is answered by a
// number alone, so the broker's log says what is wrong and of which partition,
// once in a while.
func TestUnreadableIsTold(t *testing.T) {
	var failing atomic.Bool
	now := farFuture()
	b := startBroker(t, options{clock: now, hook: func(op vfs.Op) error {
		switch {
		case op.Kind == vfs.KindReadCached:
			return vfs.ErrWouldBlock // nothing is in the page cache
		case op.Kind == vfs.KindRead && failing.Load():
			return vfs.ErrIO
		}
		return nil
	}})
	c := b.dial()
	c.createTopic("t", 1)
	if r := c.produce("t", 0, "value"); r.ErrorCode != 0 {
		t.Fatalf("produce: %d", r.ErrorCode)
	}
	b.log.ShedMemory(1 << 30)
	fetch := func() protocol.ErrorCode {
		t.Helper()
		return protocol.ErrorCode(ask[*kmsg.FetchResponse](c, 12, fetchRequest("t", 0, 0)).Topics[0].Partitions[0].ErrorCode)
	}
	failing.Store(true)
	for range 3 {
		if got := fetch(); got != protocol.KafkaStorageError {
			t.Errorf("answered %v", got)
		}
	}
	now.Advance(10 * time.Second)
	fetch()
	failing.Store(false)
	if got := fetch(); got != 0 {
		t.Errorf("answered %v when the disk was well", got)
	}
	lines := b.logs.FilterMessage("records could not be read").All()
	if len(lines) != 2 {
		t.Fatalf("%d lines, want one at the first and one 10 s later", len(lines))
	}
	for key, want := range map[string]string{
		"topic": "t", "partition": "0", "offset": "0", "address": "127.0.0.1", "suppressed_before": "2",
	} {
		if got := fmt.Sprint(lines[1].ContextMap()[key]); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if words := fmt.Sprint(lines[0].ContextMap()["error"]); words == "" {
		t.Error("the error has no words")
	}
}
