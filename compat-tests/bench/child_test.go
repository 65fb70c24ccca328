package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestRunning(t *testing.T) {
	for _, tc := range []struct {
		name   string
		failed error
		out    string
		want   string
	}{
		{"its time was up", nil, `{"Records":3}`, "ended early"},
		{"an answer was an error", errors.New("exit status 1"), "", "NOT_LEADER"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &child{out: bytes.NewBufferString(tc.out), errOut: bytes.NewBufferString("NOT_LEADER\n"), done: make(chan struct{})}
			if err := c.running(); err != nil {
				t.Errorf("it still runs: %v", err)
			}
			c.failed = tc.failed
			close(c.done)
			if err := c.running(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("it has ended: %v, want %q", err, tc.want)
			}
		})
	}
}
