package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestConfirm: only "yes" is one.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"yes\n": true, " yes ": true, "y\n": false, "\n": false, "": false, "no\nyes\n": false} {
		err := confirm(t.Context(), strings.NewReader(answer), io.Discard, false)
		if (err == nil) != want {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

// TestConfirmInterrupted: ctrl-C ends the question at once, though nothing is typed.
func TestConfirmInterrupted(t *testing.T) {
	t.Parallel()
	in, typing := io.Pipe()
	defer func() { _ = typing.Close() }()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	err := confirm(ctx, in, &out, false)
	if !errors.As(err, new(couldNotRun)) || !strings.Contains(err.Error(), "not confirmed") || !strings.HasSuffix(out.String(), "\n") {
		t.Errorf("%v, %q", err, out.String())
	}
}
