package server

import (
	"fmt"
	"hash/maphash"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// backfillCase is backfills whose seconds are the test's.
type backfillCase struct {
	*backfills
	logs *observer.ObservedLogs
	now  time.Time
}

func newBackfillCase() *backfillCase {
	core, logs := observer.New(zapcore.InfoLevel)
	return &backfillCase{backfills: newBackfills(zap.New(core)), logs: logs, now: time.Unix(1000, 0)}
}

func (c *backfillCase) second() {
	c.now = c.now.Add(time.Second)
	c.tick(c.now)
}

// lines are those of the log since the last call.
func (c *backfillCase) lines() []map[string]any {
	var out []map[string]any
	for _, l := range c.logs.TakeAll() {
		m := l.ContextMap()
		m["message"] = l.Message
		out = append(out, m)
	}
	return out
}

// A client that reads a long backlog is told of at the begin, every minute and
// at the end: who, what, how far behind, how fast, for how long.
func TestBackfillIsTold(t *testing.T) {
	c := newBackfillCase()
	who := backfillKey{"app", "10.0.0.1", "orders"}
	const perSecond, size = 10_000, 1000
	left := int64(100 * perSecond)
	var told []map[string]any
	for left > 0 {
		// Half of it comes from the page cache, into which it was read for another.
		for _, disk := range []int64{perSecond / 2 * size, 0} {
			left -= perSecond / 2
			if !c.note(who, backfillRead{3, backfillLag{left, left * size}, perSecond / 2 * size, disk}, c.now) {
				t.Fatal("not watched")
			}
		}
		c.second()
		told = append(told, c.lines()...)
	}
	first := map[string]any{
		"message": "a client reads a backlog", "client_id": "app", "address": "10.0.0.1", "topic": "orders", "partitions": int64(1),
		"behind_records": int64(860_000), "behind_bytes": int64(860_000_000), "bytes_per_second": int64(10_000_000), "eta": "1m26s",
	}
	if len(told) != 3 {
		t.Fatalf("%d lines: %v", len(told), told)
	}
	if d := cmp.Diff(first, told[0]); d != "" {
		t.Error(d)
	}
	last := told[2]
	if last["message"] != "a client has ended reading a backlog" || last["caught_up"] != true || last["took"] != "1m40s" ||
		last["read_bytes"] != int64(1e9) || last["from_disk_bytes"] != int64(5e8) {
		t.Errorf("the last line: %v", last)
	}
	if n := c.count.Load(); n != 0 || len(c.told()) != 0 {
		t.Errorf("%d are still watched", n)
	}
}

// Who reads a little old data is not told of, and who stops is.
func TestBackfillStops(t *testing.T) {
	c := newBackfillCase()
	long, short := backfillKey{"long", "a", "t"}, backfillKey{"short", "a", "t"}
	lag := backfillLag{1e6, 1e9}
	c.note(short, backfillRead{0, lag, 1000, 1000}, c.now)
	c.note(long, backfillRead{0, lag, backfillMin, backfillMin}, c.now)
	c.second()
	if all := c.told(); len(all) != 1 || all[0].client != "long" || all[0].behind != lag || all[0].eta >= 0 {
		t.Errorf("%+v", all)
	}
	for range backfillQuiet / time.Second {
		c.second()
	}
	lines := c.lines()
	if len(lines) != 2 || lines[0]["client_id"] != "long" || lines[1]["client_id"] != "long" || lines[1]["caught_up"] != false {
		t.Errorf("%v", lines)
	}
	if _, has := lines[0]["eta"]; has {
		t.Error("there is an eta for one who does not gain")
	}
	if n := c.count.Load(); n != 0 {
		t.Errorf("%d are still watched", n)
	}
}

// However many there are, few are watched, and those that are told of stay.
func TestBackfillsAreBounded(t *testing.T) {
	c := newBackfillCase()
	for i := range 10 * backfillsMax {
		disk := int64(1)
		if i == 5 {
			disk = backfillMin
		}
		c.note(backfillKey{fmt.Sprint(i), "a", "t"}, backfillRead{0, backfillLag{1, 1}, disk, disk}, c.now)
		c.second()
	}
	if n := len(c.mu.all); n > backfillsMax {
		t.Errorf("%d are watched", n)
	}
	f := &backfill{lags: map[int32]backfillLag{}}
	for i := range int32(2 * backfillPartitions) {
		f.position(i, backfillLag{1, 10})
	}
	if len(f.lags) != backfillPartitions || f.behind != (backfillLag{backfillPartitions, 10 * backfillPartitions}) {
		t.Errorf("%d partitions, %+v", len(f.lags), f.behind)
	}
}

// Who writes the log's lines may have to wait, and readers do not wait for it.
func TestBackfillLinesWithoutLock(t *testing.T) {
	lines := 0
	var b *backfills
	core, _ := observer.New(zapcore.InfoLevel)
	b = newBackfills(zap.New(core, zap.Hooks(func(zapcore.Entry) error {
		lines++
		if !b.mu.TryLock() {
			t.Error("a line is written under the lock")
			return nil
		}
		b.mu.Unlock()
		return nil
	})))
	now := time.Unix(1000, 0)
	b.note(backfillKey{"app", "a", "t"}, backfillRead{0, backfillLag{1e6, 1e9}, backfillMin, backfillMin}, now)
	for _, after := range []time.Duration{time.Second, backfillQuiet} {
		now = now.Add(after)
		b.tick(now)
	}
	if lines != 2 {
		t.Errorf("%d lines", lines)
	}
}

// A connection asks about what comes from the page cache while some of what it
// reads is a backfill, and a while longer.
func TestBackfillIsForgotten(t *testing.T) {
	var r reads
	now := time.Unix(1000, 0)
	if r.watched(now) {
		t.Error("before it was noted")
	}
	r.noted = now
	for after, want := range map[time.Duration]bool{0: true, backfillQuiet - 1: true, backfillQuiet: false} {
		if got := r.watched(now.Add(after)); got != want {
			t.Errorf("after %v: %v", after, got)
		}
	}
}

// Who reads from the disk is a client: with all its connections, and without
// others at the same address.
func TestReadersAreClients(t *testing.T) {
	s := &Server{seed: maphash.MakeSeed()}
	key := func(address, id string) uint64 {
		c := &conn{srv: s, address: address}
		c.clientID.Store(&id)
		return c.reader().Key
	}
	one := key("10.0.0.1", "one")
	if again := key("10.0.0.1", "one"); again != one || one == 0 {
		t.Errorf("two connections of a client: %d and %d", one, again)
	}
	for _, other := range [][2]string{{"10.0.0.1", "two"}, {"10.0.0.2", "one"}, {"10.0.0.1", ""}} {
		if key(other[0], other[1]) == one {
			t.Errorf("%v is taken for another client", other)
		}
	}
	c := &conn{srv: s, address: "10.0.0.1"}
	for _, id := range []string{"two", "one"} {
		c.clientID.Store(&id)
		if got := c.reader().Key; (got == one) != (id == "one") {
			t.Errorf("as %q it is %d", id, got)
		}
	}
}
