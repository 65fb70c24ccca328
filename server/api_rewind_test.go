package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// readBroker is a broker with records in partition 0 of topic t, of which group g has
// committed an offset.
func readBroker(t *testing.T, o options, partitions int32, committed int64, records ...string) (*broker, *client) {
	t.Helper()
	b := startBroker(t, o)
	c := b.dial()
	c.createTopic("t", partitions)
	c.coordinate("g")
	c.produce("t", 0, records...)
	c.commit("g", "t", 0, committed)
	return b, c
}

// TestRewindRefusals: what is wrong with a request, and what is wrong with the
// group only now, have statuses of their own.
func TestRewindRefusals(t *testing.T) {
	b, _ := readBroker(t, options{}, 2, 2, "a", "b", "c")
	for _, tc := range []struct {
		verb, body string
		status     int
		words      string
	}{
		{"rewind/undo", `{}`, http.StatusConflict, "no rewind to undo"},
		{"skip", `{"topic":"t","partition":0,"offset":1}`, http.StatusConflict, "is past record 1 of t-0 already"},
		{"skip", `{"topic":"t","partition":0,"offset":3}`, http.StatusConflict, "there is no record 3 of t-0 yet"},
		{"skip", `{"topic":"t","partition":1}`, http.StatusConflict, "has committed nothing for t-1"},
		{"skip", `{"topic":"t","partition":0,"offset":-1}`, http.StatusBadRequest, "not negative"},
		{"skip", `{"topic":"t","partition":0,"count":-1}`, http.StatusBadRequest, "not negative"},
		{"skip", `{"topic":"t","partition":0,"count":0}`, http.StatusBadRequest, "a count of 0 skips nothing"},
		{"rewind", `{"to":"yesterday"}`, http.StatusBadRequest, "is not earliest"},
		{"rewind", `{"to":"earliest","topics":[]}`, http.StatusBadRequest, "the list of topics is empty"},
	} {
		var e server.APIError
		b.apiAsk("POST", "/api/v1/groups/g/"+tc.verb, tc.body, tc.status, &e)
		if e.Code != "INVALID_REQUEST" || !strings.Contains(e.Message, tc.words) {
			t.Errorf("%s %s: %+v, want %q", tc.verb, tc.body, e, tc.words)
		}
	}
}

// TestNothingMoves: a rewind to where the group is, or an undo that leads there, is
// none; and a partition that is not there has no records to skip.
func TestNothingMoves(t *testing.T) {
	b, c := readBroker(t, options{}, 2, 3, "a", "b", "c")
	const path = "/api/v1/groups/g/rewind"
	for _, to := range []string{"latest", "3", "-0", "2100-01-01T00:00:00Z"} {
		var plan server.RewindPlan
		b.apiAsk("POST", path, `{"to":"`+to+`","topics":["t"]}`, http.StatusOK, &plan)
		if plan.ID != "" || len(plan.Offsets()) != 0 || plan.Partitions[0].Note != "it is there already" {
			t.Errorf("%s: %+v", to, plan)
		}
	}
	var now server.GroupRewind
	b.apiAsk("POST", path, `{"to":"1","topics":["t"]}`, http.StatusOK, &server.RewindPlan{})
	b.apiAsk("GET", path, "", http.StatusOK, &now)
	if p := now.Partitions[0]; *p.Committed != 1 || *p.Undo != 3 {
		t.Errorf("an undo leads from %d to %d", *p.Committed, *p.Undo)
	}
	c.commit("g", "t", 0, 3)
	var e server.APIError
	for _, body := range []string{`{}`, `{"dryRun":true}`} {
		b.apiAsk("POST", path+"/undo", body, http.StatusConflict, &e)
		if !strings.Contains(e.Message, "nothing to undo") {
			t.Errorf("%s: %+v", body, e)
		}
	}
	for _, partition := range []string{"2", "-1"} {
		b.apiAsk("POST", "/api/v1/groups/g/skip", `{"topic":"t","partition":`+partition+`}`, http.StatusNotFound, &e)
		if !strings.Contains(e.Message, "topic t has no partition "+partition) {
			t.Errorf("%+v", e)
		}
	}
}

// TestSkipPlans: a skip passes over what it names and nothing else.
func TestSkipPlans(t *testing.T) {
	b, c := readBroker(t, options{}, 2, 0, "a", "b", "c", "d", "e", "f", "g", "h")
	c.deleteRecords("t", 0, 2)
	for _, tc := range []struct {
		name        string
		committed   int64
		request     string
		to, skipped int64
		refused     string
	}{
		{name: "the next one", committed: 4, request: `"partition":0`, to: 5, skipped: 1},
		{name: "the next ones", committed: 4, request: `"partition":0,"count":3`, to: 7, skipped: 3},
		{name: "the next one, named", committed: 4, request: `"partition":0,"offset":4`, to: 5, skipped: 1},
		{name: "from before it on", committed: 4, request: `"partition":0,"offset":3,"count":3`, to: 6, skipped: 2},
		{name: "the first that is left", committed: 0, request: `"partition":0,"offset":2`, to: 3, skipped: 1},
		{name: "the first that is left, not named", committed: 0, request: `"partition":0`, to: 3, skipped: 1},
		{name: "the first ones that are left, not named", committed: 1, request: `"partition":0,"count":2`, to: 4, skipped: 2},
		{name: "all and more", committed: 4, request: `"partition":0,"count":100`, to: 8, skipped: 4},
		{name: "the last one", committed: 7, request: `"partition":0`, to: 8, skipped: 1},
		{
			name: "one that comes later", committed: 4, request: `"partition":0,"offset":6,"count":2`,
			refused: "group g has 2 records of t-0 to read before record 6, and would never get them: " +
				"if they are to be skipped as well, say so with the offset 4 and a count of 4",
		},
		{
			name: "one that comes later, the others are gone", committed: 0, request: `"partition":0,"offset":4`,
			refused: "has 2 records of t-0 to read before record 4, and would never get them: " +
				"if they are to be skipped as well, say so with the offset 2 and a count of 3",
		},
		{name: "at the end", committed: 8, request: `"partition":0`, refused: "there is no record 8 of t-0 yet"},
		{name: "behind the end", committed: 8, request: `"partition":0,"offset":9`, refused: "there is no record 9 of t-0 yet"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.commit("g", "t", 0, tc.committed)
			before := b.committed("g")
			if tc.refused != "" {
				var e server.APIError
				b.apiAsk("POST", "/api/v1/groups/g/skip", `{"topic":"t",`+tc.request+`}`, http.StatusConflict, &e)
				if now := b.committed("g"); !strings.Contains(e.Message, tc.refused) || now != before {
					t.Errorf("%+v, want %q; %s became %s", e, tc.refused, before, now)
				}
				return
			}
			for _, dry := range []string{"true", "false"} {
				var plan server.RewindPlan
				b.apiAsk("POST", "/api/v1/groups/g/skip", `{"topic":"t",`+tc.request+`,"dryRun":`+dry+`}`, http.StatusOK, &plan)
				if p := plan.Partitions[0]; len(plan.Partitions) != 1 || *p.To != tc.to || p.Skipped != tc.skipped || p.Again != 0 {
					t.Errorf("dry run %s: %+v to %d", dry, p, *p.To)
				}
			}
			if now := b.committed("g"); now != fmt.Sprintf("t-0=%d ", tc.to) {
				t.Errorf("now it is %s", now)
			}
		})
	}
	var e server.APIError
	for _, topic := range []string{"none", "__consumer_offsets"} {
		b.apiAsk("POST", "/api/v1/groups/g/skip", `{"topic":"`+topic+`","partition":0,"offset":0}`, http.StatusNotFound, &e)
		if want := "there is no topic " + topic + " to read"; !strings.Contains(e.Message, want) {
			t.Errorf("%+v, want %q", e, want)
		}
	}
}

// TestRewindPlans: what a dry run says is what is done, also with its own offsets
// in place of the wish, after the group has moved on; an undo takes it to where it
// was then.
func TestRewindPlans(t *testing.T) {
	b, c := readBroker(t, options{}, 2, 6, "a", "b", "c", "d", "e", "f", "g", "h")
	c.createTopic("u", 1)
	c.produce("u", 0, "a", "b")
	c.deleteRecords("t", 0, 2)
	for _, tc := range []struct {
		name, request string
		again         int64
		now           string
	}{
		{"earliest", `"to":"earliest"`, 5, "t-0=2 u-0=0 "},
		{"latest", `"to":"latest"`, 0, "t-0=8 u-0=2 "},
		{"so many back", `"to":"-2"`, 3, "t-0=4 u-0=0 "},
		{"what is gone", `"to":"-5"`, 5, "t-0=2 u-0=0 "},
		{"an offset", `"to":"5","topics":["t"]`, 1, "t-0=5 u-0=1 "},
		{"beyond the end", `"to":"99","topics":["t"]`, 0, "t-0=8 u-0=1 "},
		{"a time", `"to":"1970-01-01T00:00:00Z"`, 5, "t-0=2 u-0=0 "},
		{"later", `"to":"2100-01-01T00:00:00Z"`, 0, "t-0=8 u-0=2 "},
		{"offsets", `"offsets":{"t":{"0":3},"u":{"0":1}}`, 3, "t-0=3 u-0=1 "},
		{"one offset", `"offsets":{"t":{"0":3}}`, 3, "t-0=3 u-0=1 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.commit("g", "t", 0, 6)
			c.commit("g", "u", 0, 1)
			const path = "/api/v1/groups/g/rewind"
			var dry, done server.RewindPlan
			b.apiAsk("POST", path, `{`+tc.request+`,"dryRun":true}`, http.StatusOK, &dry)
			if before := b.committed("g"); before != "t-0=6 u-0=1 " {
				t.Fatalf("a dry run made it %s", before)
			}
			again := int64(0)
			for _, p := range dry.Partitions {
				again += p.Again
			}
			if again != tc.again {
				t.Errorf("%d records again: %+v", again, dry.Partitions)
			}
			// The group has read on when somebody says yes.
			c.commit("g", "t", 0, 7)
			offsets, err := json.Marshal(dry.Offsets())
			if err != nil {
				t.Fatal(err)
			}
			b.apiAsk("POST", path, fmt.Sprintf(`{"offsets":%s}`, offsets), http.StatusOK, &done)
			if now := b.committed("g"); now != tc.now || done.ID == "" {
				t.Errorf("now it is %s, want %s", now, tc.now)
			}
			var undone server.GroupRewind
			b.apiAsk("POST", path+"/undo", `{"id":"`+done.ID+`"}`, http.StatusOK, &undone)
			b.apiAsk("POST", path+"/undo", `{}`, http.StatusConflict, &server.APIError{})
			if now := b.committed("g"); undone.ID == "" || !undone.Undo || now != "t-0=7 u-0=1 " {
				t.Errorf("undone: %+v, %s", undone, now)
			}
		})
	}
}

// TestUndoDryRun: what an undo would do is told and not done; what it would refuse is refused.
func TestUndoDryRun(t *testing.T) {
	b, c := readBroker(t, options{}, 1, 3, "a", "b", "c", "d")
	const path = "/api/v1/groups/g/rewind"
	var plan server.RewindPlan
	b.apiAsk("POST", path, `{"to":"1","topics":["t"]}`, http.StatusOK, &plan)
	c.commit("g", "t", 0, 2)
	for range 2 {
		var dry server.GroupRewind
		b.apiAsk("POST", path+"/undo", `{"dryRun":true}`, http.StatusOK, &dry)
		if p := dry.Partitions[0]; dry.ID != plan.ID || dry.Undo || *p.Before != 3 || p.To != 1 || *p.Committed != 2 || *p.Undo != 3 {
			t.Errorf("%+v", dry)
		}
		if now := b.committed("g"); now != "t-0=2 " {
			t.Errorf("a dry run: %s", now)
		}
	}
	var undone server.GroupRewind
	b.apiAsk("POST", path+"/undo", `{"id":"`+plan.ID+`"}`, http.StatusOK, &undone)
	if now := b.committed("g"); now != "t-0=3 " || !undone.Undo || undone.Partitions[0].Undo != nil {
		t.Errorf("%s, %+v", now, undone)
	}
	var e server.APIError
	b.apiAsk("POST", path+"/undo", `{"dryRun":true}`, http.StatusConflict, &e)
	if !strings.Contains(e.Message, "was an undo") {
		t.Errorf("%+v", e)
	}
}

// TestPlannedOffsets: what is wrong with offsets in place of a wish.
func TestPlannedOffsets(t *testing.T) {
	b, _ := readBroker(t, options{}, 1, 1, "a", "b")
	for _, verb := range []string{"rewind", "reset"} {
		for body, want := range map[string]struct {
			status int
			words  string
		}{
			`{"offsets":{"t":{"0":0}},"to":"earliest"}`:        {http.StatusBadRequest, "go without them"},
			`{"offsets":{"t":{"0":0}},"topics":["t"]}`:         {http.StatusBadRequest, "go without them"},
			`{"offsets":{"t":{"0":-1}}}`:                       {http.StatusBadRequest, "not negative"},
			`{"offsets":{"t":{}}}`:                             {http.StatusBadRequest, "no partition of topic t"},
			`{"offsets":{"t":{"0":0,"1":0}}}`:                  {http.StatusNotFound, "is not there"},
			`{"offsets":{"none":{"0":0}}}`:                     {http.StatusNotFound, "there is no topic none"},
			`{"offsets":{"__consumer_offsets":{"0":0}}}`:       {http.StatusNotFound, "there is no topic"},
			`{"offsets":{"t":{"0":0}}} {"offsets":{"t":null}}`: {http.StatusBadRequest, "more behind"},
		} {
			var e server.APIError
			b.apiAsk("POST", "/api/v1/groups/g/"+verb, body, want.status, &e)
			if !strings.Contains(e.Message, want.words) {
				t.Errorf("%s %s: %+v", verb, body, e)
			}
		}
		var plan server.ResetPlan
		b.apiAsk("POST", "/api/v1/groups/g/"+verb, `{"offsets":{}}`, http.StatusOK, &plan)
		if now := b.committed("g"); len(plan.Partitions) > 0 || now != "t-0=1 " {
			t.Errorf("%+v, now %s", plan, now)
		}
	}
}

// TestManyOffsets: the offsets of as many partitions as groups have come through;
// what is small has a small bound.
func TestManyOffsets(t *testing.T) {
	b, _ := readBroker(t, options{}, 1, 1, "a", "b")
	many := map[int]int64{}
	for i := range 200_000 {
		many[i] = 1 << 40
	}
	offsets, err := json.Marshal(map[string]any{"offsets": map[string]any{"t": many}})
	must(t, err)
	var e server.APIError
	for _, verb := range []string{"rewind", "reset"} {
		b.apiAsk("POST", "/api/v1/groups/g/"+verb, string(offsets), http.StatusNotFound, &e)
		if !strings.Contains(e.Message, "a partition that is named is not there") {
			t.Errorf("%s: %+v", verb, e)
		}
	}
	for _, verb := range []string{"skip", "rewind/undo"} {
		b.apiAsk("POST", "/api/v1/groups/g/"+verb, strings.Repeat(" ", 2<<20)+`{}`, http.StatusBadRequest, &e)
		if !strings.Contains(e.Message, "too large") {
			t.Errorf("%s: %+v", verb, e)
		}
	}
}

// TestTooLate: what was found out too late for an answer is not done.
func TestTooLate(t *testing.T) {
	wall := clock.NewManual(clock.Real{}.Now())
	b, _ := readBroker(t, options{clock: wall}, 1, 1, "a", "b")
	for _, verb := range []string{"rewind", "reset"} {
		w, r := httptest.NewRecorder(), b.apiRequest("POST", "/api/v1/groups/g/"+verb, "")
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"to":`), readerFunc(func([]byte) (int, error) {
			wall.Advance(2 * time.Minute)
			return 0, io.EOF
		}), strings.NewReader(`"earliest"}`)))
		b.server.API().ServeHTTP(w, r)
		if now := b.committed("g"); w.Code != http.StatusServiceUnavailable || now != "t-0=1 " {
			t.Errorf("%s: %d %s, %s", verb, w.Code, w.Body, now)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestRewindIsShown: a group's description has its newest rewind.
func TestRewindIsShown(t *testing.T) {
	b, _ := readBroker(t, options{}, 1, 2, "a", "b")
	var plan server.RewindPlan
	b.apiAsk("POST", "/api/v1/groups/g/rewind", `{"to":"earliest"}`, http.StatusOK, &plan)
	var list server.GroupList
	b.apiAsk("GET", "/api/v1/groups", "", http.StatusOK, &list)
	if len(list.Groups) != 1 || list.Groups[0].RewindPhase != "done" {
		t.Errorf("%+v", list.Groups)
	}
	for _, path := range []string{"/api/v1/groups/g", "/api/v1/groups/g?rate=100ms"} {
		var d server.GroupDetail
		b.apiAsk("GET", path, "", http.StatusOK, &d)
		if r := d.Rewind; r.ID != plan.ID || r.ID == "" || r.Phase != "done" || r.Started.IsZero() || r.UndoUntil.IsZero() {
			t.Errorf("%s: %+v", path, r)
		}
	}
}

// TestResetOnASlowDisk: who gets no answer is told that the deed may be done yet.
func TestResetOnASlowDisk(t *testing.T) {
	var stalled atomic.Bool
	gate := make(chan struct{})
	wall := clock.NewManual(clock.Real{}.Now())
	slow := func(op vfs.Op) error {
		if stalled.Load() && op.Kind == vfs.KindSync {
			<-gate
		}
		return nil
	}
	b, _ := readBroker(t, options{clock: wall, hook: slow}, 1, 2, "a", "b")
	release := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release) // before the broker closes
	stalled.Store(true)
	before := b.groups.Metrics().Commits
	answer, r := httptest.NewRecorder(), b.apiRequest("POST", "/api/v1/groups/g/reset", `{"to":"earliest"}`)
	var answered atomic.Bool
	go func() {
		defer answered.Store(true)
		b.server.API().ServeHTTP(answer, r)
	}()
	until(t, "the commit has reached its shard", func() bool { return b.groups.Metrics().Commits > before || answered.Load() }, func() {})
	until(t, "the request ends", answered.Load, func() { wall.Advance(time.Second) })
	if body := answer.Body.String(); answer.Code != http.StatusServiceUnavailable || !strings.Contains(body, "may be done yet") {
		t.Errorf("%d %s", answer.Code, body)
	}
	release()
	until(t, "it is done", func() bool { return b.committed("g") == "t-0=0 " }, func() {})
}

// TestSkipMarkers: there is nothing to skip where a group has markers only before it.
func TestSkipMarkers(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	topic := c.createTopic("t", 1)
	p := c.initID("my-tx")
	if code := c.produceTxn(12, "my-tx", topic, "t", txnBatch(t, p.ProducerID, 0, 0, "v", "w")); code != protocol.NoError {
		t.Fatal(code)
	}
	if r := c.endTxn(5, "my-tx", p.ProducerID, 0, true); r.ErrorCode != 0 {
		t.Fatalf("%+v", r)
	}
	b.showsTxns("mainstem_transaction_open_partitions 0")
	c.coordinate("g")
	c.commit("g", "t", 0, 2)
	var e server.APIError
	b.apiAsk("POST", "/api/v1/groups/g/skip", `{"topic":"t","partition":0,"dryRun":true}`, http.StatusConflict, &e)
	if !strings.Contains(e.Message, "from offset 2 of t-0 on there is nothing to skip among the next 1: only markers") {
		t.Errorf("%+v", e)
	}
	c.commit("g", "t", 0, 1)
	var plan server.RewindPlan
	b.apiAsk("POST", "/api/v1/groups/g/skip", `{"topic":"t","partition":0,"dryRun":true}`, http.StatusOK, &plan)
	if len(plan.Partitions) != 1 || plan.Partitions[0].Skipped != 1 {
		t.Errorf("%+v", plan)
	}
}
