package server

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/pattern"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestMatched: a pattern chooses whole ids, one pattern at a time, and none is tried
// for longer than matchWait, nor for somebody who is gone.
func TestMatched(t *testing.T) {
	fake := clock.NewManual(time.Unix(1000, 0))
	lifetime, stop := context.WithCancel(context.Background())
	s := &Server{clock: fake, ids: newIDMatcher(), lifetime: lifetime}
	p, err := pattern.Compile("a+|b")
	if err != nil {
		t.Fatal(err)
	}
	try := func(ctx context.Context, list func() ([]string, error)) ([]string, protocol.ErrorCode) {
		found, err := matched(ctx, s, p, list, func(id *string) string { return *id })
		if err == nil {
			return found, protocol.NoError
		}
		return found, protocol.CodeOf(err)
	}
	some := func() ([]string, error) { return []string{"aa", "ab", "b", "", "a"}, nil }
	if got, code := try(t.Context(), some); code != protocol.NoError || !slices.Equal(got, []string{"aa", "b", "a"}) {
		t.Errorf("%v, %s", got, code)
	}
	refused := protocol.Errorf(protocol.CoordinatorLoadInProgress, "loading")
	if _, code := try(t.Context(), func() ([]string, error) { return nil, refused }); code != refused.Code {
		t.Errorf("a list that cannot be made: %s", code)
	}

	slow := func() ([]string, error) { fake.Advance(matchWait); return some() }
	if got, code := try(t.Context(), slow); code != protocol.RequestTimedOut || got != nil {
		t.Errorf("at the end of its time: %v, %s", got, code)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, code := try(gone, some); code != protocol.RequestTimedOut {
		t.Errorf("nobody waits for it: %s", code)
	}

	inside, answered := make(chan struct{}), make(chan protocol.ErrorCode)
	release := make(chan struct{})
	go func() {
		_, code := try(t.Context(), func() ([]string, error) { close(inside); <-release; return some() })
		answered <- code
	}()
	<-inside
	go func() {
		_, code := try(t.Context(), func() ([]string, error) { return nil, errors.New("two at a time") })
		answered <- code
	}()
	fake.AwaitPending(2)
	fake.Advance(matchWait)
	if code := <-answered; code != protocol.RequestTimedOut {
		t.Errorf("behind another: %s", code)
	}
	close(release)
	if code := <-answered; code != protocol.RequestTimedOut {
		t.Errorf("the other, at the end of its time: %s", code)
	}
	stop()
	if _, code := try(t.Context(), some); code != protocol.CoordinatorNotAvailable {
		t.Errorf("once the server ends: %s", code)
	}
}
