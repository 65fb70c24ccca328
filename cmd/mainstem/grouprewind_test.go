package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/server"
)

// apiOfTest answers a command that speaks to a broker, one request at a time,
// in the order given, the last one as often as it is asked, and keeps the bodies.
type apiOfTest struct {
	*httptest.Server

	mu      sync.Mutex
	answers []apiAnswer
	bodies  []json.RawMessage
}

type apiAnswer struct {
	status int
	body   any
}

func startAPI(t *testing.T, answers ...apiAnswer) *apiOfTest {
	t.Helper()
	a := &apiOfTest{answers: answers}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		var body json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&body); err == nil {
			a.bodies = append(a.bodies, body)
		}
		next := a.answers[0]
		if len(a.answers) > 1 {
			a.answers = a.answers[1:]
		}
		w.WriteHeader(next.status)
		if err := json.NewEncoder(w).Encode(next.body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

// typed runs a command of groups whose user types what it is asked.
func (a *apiOfTest) typed(ctx context.Context, c *cobra.Command, answer string, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	c.SetIn(strings.NewReader(answer))
	c.SetOut(&out)
	c.SetErr(&errs)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(append(args, "--http", strings.TrimPrefix(a.URL, "http://")))
	err = c.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

// TestSkipIsPinned: the record that was shown is skipped, not the one at which
// the group is when somebody has said yes; unless it was named, or nobody is asked.
func TestSkipIsPinned(t *testing.T) {
	t.Parallel()
	gone, shown, later := int64(9), int64(1203), int64(1204)
	plan := func(committed *int64, dry bool) apiAnswer {
		p := server.RewindPartition{ResetPartition: server.ResetPartition{Topic: "t", Committed: committed, LogStart: 1200, To: &later}}
		if committed == &gone {
			p.LogStart = shown
		}
		return apiAnswer{http.StatusOK, server.RewindPlan{Group: "g", DryRun: dry, Partitions: []server.RewindPartition{p}}}
	}
	for name, tc := range map[string]struct {
		args    []string
		answers []apiAnswer
		want    *int64
	}{
		"asked": {nil, []apiAnswer{plan(&shown, true), plan(&later, false)}, &shown},
		"gone":  {nil, []apiAnswer{plan(&gone, true), plan(&later, false)}, &shown},
		"named": {[]string{"--offset", "1204"}, []apiAnswer{plan(&shown, true), plan(&later, false)}, &later},
		"--yes": {[]string{"--yes"}, []apiAnswer{plan(&later, false)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := startAPI(t, tc.answers...)
			_, _, err := a.typed(t.Context(), newGroupSkip(process{}), "yes\n", append([]string{"g", "--topic", "t", "--partition", "0"}, tc.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			var last server.SkipRequest
			if err := json.Unmarshal(a.bodies[len(a.bodies)-1], &last); err != nil {
				t.Fatal(err)
			}
			if last.DryRun || (last.Offset == nil) != (tc.want == nil) || tc.want != nil && *last.Offset != *tc.want {
				t.Errorf("asked for %s", a.bodies[len(a.bodies)-1])
			}
		})
	}
}

// TestNothingToReset: a plan in which nothing moves is the command's output, as with
// rewind, and nobody is asked about it.
func TestNothingToReset(t *testing.T) {
	t.Parallel()
	stays := apiAnswer{http.StatusOK, server.ResetPlan{Group: "g", DryRun: true, Partitions: []server.ResetPartition{{Topic: "t", Note: "it stays"}}}}
	for form, want := range map[string]string{"table": "it stays", "json": `"note": "it stays"`} {
		out, asked, err := startAPI(t, stays).typed(t.Context(), newGroupReset(process{}), "", "g", "--to=-2", "-o", form)
		if err != nil || !strings.Contains(out, want) || asked != "" {
			t.Errorf("%s: %q, %q, %v", form, out, asked, err)
		}
	}
}

// TestRewindPlanWords: what a rewind does to the members depends on their protocol.
func TestRewindPlanWords(t *testing.T) {
	t.Parallel()
	from, to := int64(2), int64(1)
	for kind, want := range map[string]string{
		"classic":  "2 members will rebalance twice; what they consumed after their last commit comes again, too\n",
		"consumer": "2 members give up what moves and get it back, and keep the rest; what they consumed of it after their last commit comes again, too\n",
	} {
		plan := apiAnswer{http.StatusOK, server.RewindPlan{Group: "g", Type: kind, DryRun: true, Members: 2, Partitions: []server.RewindPartition{
			{ResetPartition: server.ResetPartition{Topic: "t", Committed: &from, To: &to}},
		}}}
		out, _, err := startAPI(t, plan).typed(t.Context(), newGroupRewind(process{}), "", "g", "--to", "1", "--dry-run")
		if err != nil || !strings.HasSuffix(out, want) {
			t.Errorf("%s: %s, %v", kind, out, err)
		}
	}
}

// TestRewindOverAStart: a broker that cannot tell for a moment is waited for; one
// that does not come back in time leaves the rewind under way, and that is said.
func TestRewindOverAStart(t *testing.T) {
	t.Parallel()
	begun := apiAnswer{http.StatusAccepted, server.RewindPlan{Group: "g", ID: "1"}}
	loads := apiAnswer{http.StatusServiceUnavailable, server.APIError{Code: "COORDINATOR_LOAD_IN_PROGRESS", Message: "it loads"}}
	done := apiAnswer{http.StatusOK, server.GroupRewind{Group: "g", ID: "1", Phase: "done"}}
	broken := apiAnswer{http.StatusInternalServerError, server.APIError{Code: "UNKNOWN_SERVER_ERROR", Message: "broken"}}
	args := []string{"g", "--to", "1h", "--yes"}

	out, _, err := startAPI(t, begun, loads, loads, done).typed(t.Context(), newGroupRewind(process{}), "", args...)
	if err != nil || !strings.Contains(out, "done") {
		t.Errorf("%s, %v", out, err)
	}
	_, _, err = startAPI(t, begun, loads).typed(t.Context(), newGroupRewind(process{}), "", append(args, "--wait", "500ms")...)
	if !errors.As(err, new(notInTime)) || !strings.Contains(err.Error(), "was begun and goes on") || !strings.Contains(err.Error(), "it loads") {
		t.Errorf("%v", err)
	}
	for name, api := range map[string]*apiOfTest{"an error that stays": startAPI(t, begun, broken), "no wait": startAPI(t, begun, loads)} {
		args := args
		if name == "no wait" {
			args = append(args, "--wait", "0s")
		}
		_, _, err = api.typed(t.Context(), newGroupRewind(process{}), "", args...)
		if err == nil || errors.As(err, new(notInTime)) || !strings.Contains(err.Error(), "was begun and goes on") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAddressWithScheme: the address may be given as a browser has it.
func TestAddressWithScheme(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"http://127.0.0.1:22301/": "127.0.0.1:22301", "http://0.0.0.0:1": "127.0.0.1:1", "[::1]:2": "[::1]:2",
	} {
		var f groupFlags
		f.http.text, f.http.is = given, true
		if got, err := f.address(nil); err != nil || got != want {
			t.Errorf("%s: %s, %v", given, got, err)
		}
	}
}

// TestNothingToMove: where nothing moves nobody is asked, and nothing is asked for.
func TestNothingToMove(t *testing.T) {
	t.Parallel()
	at := int64(7)
	plan := apiAnswer{http.StatusOK, server.RewindPlan{Group: "g", DryRun: true, Members: 2, Partitions: []server.RewindPartition{
		{ResetPartition: server.ResetPartition{Topic: "t", Committed: &at, Note: "it is there already"}},
	}}}
	a := startAPI(t, plan)
	out, asked, err := a.typed(t.Context(), newGroupRewind(process{}), "", "g", "--to", "latest")
	if err != nil || !strings.HasSuffix(out, "group g is there already: nothing moves\n") || asked != "" || len(a.bodies) != 1 {
		t.Errorf("%q, %q, %v", out, asked, err)
	}
}

// TestUndoPlan: who is asked about an undo sees where it leads, and is not asked
// where it cannot or need not be.
func TestUndoPlan(t *testing.T) {
	t.Parallel()
	here, there := int64(5), int64(9)
	place := func(undo *int64) []server.RewoundPlace {
		return []server.RewoundPlace{{Topic: "t", Partition: 3, Committed: &here, Undo: undo}}
	}
	for name, c := range map[string]struct {
		now   server.GroupRewind
		asked string
	}{
		"moves":     {server.GroupRewind{Phase: "done", Partitions: place(&there)}, "t      3          5          9        0      4\ngroup g: the rewind of 0001-01-01T00:00:00Z would be undone"},
		"under way": {server.GroupRewind{Phase: "emptying", Partitions: place(nil)}, "that is under way would be called off"},
	} {
		c.now.Group, c.now.ID = "g", "1"
		a := startAPI(t, apiAnswer{http.StatusOK, c.now})
		_, asked, err := a.typed(t.Context(), newGroupRewind(process{}), "no\n", "g", "--undo")
		if err == nil || !strings.Contains(err.Error(), "not confirmed") || !strings.Contains(asked, c.asked) || !strings.Contains(asked, "type yes") {
			t.Errorf("%s: %q, %v", name, asked, err)
		}
		out, asked, err := a.typed(t.Context(), newGroupRewind(process{}), "", "g", "--undo", "--dry-run")
		if err != nil || !strings.Contains(out, c.asked) || asked != "" {
			t.Errorf("%s, dry run: %q, %q, %v", name, out, asked, err)
		}
		if out, _, err := a.typed(t.Context(), newGroupRewind(process{}), "", "g", "--undo", "--dry-run", "-o", "json"); err != nil || !json.Valid([]byte(out)) {
			t.Errorf("%s, dry run as JSON: %q, %v", name, out, err)
		}
		for _, body := range a.bodies {
			if string(body) != `{"id":"","dryRun":true}` {
				t.Errorf("%s: %s was asked for without a yes", name, body)
			}
		}
	}
	refused := startAPI(t, apiAnswer{http.StatusConflict, server.APIError{Code: "INVALID_REQUEST", Message: "it was an undo"}})
	for _, flag := range []string{"--yes=false", "--yes", "--dry-run"} {
		_, asked, err := refused.typed(t.Context(), newGroupRewind(process{}), "yes\n", "g", "--undo", flag)
		if err == nil || !strings.Contains(err.Error(), "it was an undo") || asked != "" {
			t.Errorf("refused, %s: %q, %v", flag, asked, err)
		}
	}
}

// TestUndoWords: what is called off is said to be.
func TestUndoWords(t *testing.T) {
	t.Parallel()
	none := apiAnswer{http.StatusOK, server.GroupRewind{Group: "g", Phase: "none"}}
	out, _, err := startAPI(t, none).typed(t.Context(), newGroupRewind(process{}), "", "g", "--undo", "--yes")
	if err != nil || out != "group g: the rewind is called off\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestRewindWithoutWait: who does not wait is told that it is under way, and that is
// no failure.
func TestRewindWithoutWait(t *testing.T) {
	t.Parallel()
	begun := apiAnswer{http.StatusAccepted, server.RewindPlan{Group: "g", ID: "1"}}
	emptying := apiAnswer{http.StatusOK, server.GroupRewind{Group: "g", ID: "1", Phase: "emptying"}}
	out, _, err := startAPI(t, begun, emptying).typed(t.Context(), newGroupRewind(process{}), "", "g", "--to", "earliest", "--yes", "--wait", "0")
	if err != nil || !strings.Contains(out, "rewind of 0 partitions under way: the members give up partitions") {
		t.Errorf("%q, %v", out, err)
	}
}

// TestUnfinishedRewind: a program that did not see the end is told how far it is, and
// a skip is called one.
func TestUnfinishedRewind(t *testing.T) {
	t.Parallel()
	begun := apiAnswer{http.StatusAccepted, server.RewindPlan{Group: "g", ID: "1"}}
	emptying := apiAnswer{http.StatusOK, server.GroupRewind{Group: "g", ID: "1", Phase: "emptying"}}
	for form, want := range map[string]string{"table": "", "json": `"phase": "emptying"`} {
		out, _, err := startAPI(t, begun, emptying).typed(t.Context(), newGroupSkip(process{}), "",
			"g", "--topic", "t", "--partition", "0", "--yes", "--wait", "300ms", "-o", form)
		if !errors.As(err, new(notInTime)) || !strings.Contains(err.Error(), "the skip goes on: `mainstem group why g` says whom it waits for, "+
			"`mainstem group rewind g --undo` calls it off") {
			t.Errorf("%s: %v", form, err)
		}
		if !strings.Contains(out, want) || want == "" && out != "" {
			t.Errorf("%s: %s", form, out)
		}
	}
}
