package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/server"
)

// apiOfTest answers a command that speaks to a broker, one request at a time,
// in the order given, and keeps the bodies.
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
		if len(a.answers) == 0 {
			t.Errorf("%s %s: nobody expected that", r.Method, r.URL)
			return
		}
		next := a.answers[0]
		a.answers = a.answers[1:]
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
	shown, later := int64(1203), int64(1204)
	plan := func(committed *int64, dry bool) apiAnswer {
		p := server.RewindPartition{ResetPartition: server.ResetPartition{Topic: "t", Committed: committed, To: &later}}
		return apiAnswer{http.StatusOK, server.RewindPlan{Group: "g", DryRun: dry, Partitions: []server.RewindPartition{p}}}
	}
	for name, tc := range map[string]struct {
		args    []string
		answers []apiAnswer
		want    *int64
	}{
		"asked": {nil, []apiAnswer{plan(&shown, true), plan(&later, false)}, &shown},
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
