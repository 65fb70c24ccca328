package cli

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

func newTally(stop func()) *tally {
	t := &tally{clock: clock.Real{}, stop: stop}
	t.mu.partitions = map[int32]*producedPartition{}
	return t
}

// TestWatch: records are given up when none has an outcome for long, and not while
// some have, nor while there are none.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, sent, ended := newTally(func() {}), make(chan struct{}), make(chan time.Time, 1)
		c := clock.Real{}
		begun := c.Now()
		go func() {
			x.watch(20*time.Second, sent, func() { ended <- c.Now() })
			close(ended)
		}()
		clock.Wait(c, time.Minute, nil) // in the bubble's time: nothing is sent
		x.begin()
		x.begin()
		for range 4 {
			clock.Wait(c, 15*time.Second, nil)
			x.begin()
			x.done(&kgo.Record{}, 0, place{}, nil)
		}
		last := c.Now()
		at, ok := <-ended
		if waited := at.Sub(last); !ok || waited < 20*time.Second || waited > 26*time.Second {
			t.Errorf("given up %v after the last outcome, %v after the begin (%v)", waited, at.Sub(begun), ok)
		}
		close(sent)
	})
}

// TestVerdict: of the records that are not written the first one is named.
func TestVerdict(t *testing.T) {
	t.Parallel()
	stopped := 0
	x := newTally(func() { stopped++ })
	c := &client{dials: newDials(), addresses: []string{"a:1"}}
	for n, err := range []error{nil, nil, nil, errors.New("late"), errors.New("early")} {
		x.begin()
		line := []int64{1, 2, 3, 5, 4}[n]
		x.done(&kgo.Record{Offset: int64(n), Value: []byte("v")}, line, place{"f", line}, err)
	}
	err := x.verdict(c, &writing{}, nil, false)
	if err == nil || err.Error() != "line 4 of f: a:1: early; 3 records were acknowledged, all before it among them, and 2 were not" {
		t.Error(err)
	}
	if p := x.mu.partitions[0]; p.Records != 3 || p.First != 0 || p.Last != 2 || stopped != 2 {
		t.Errorf("%+v, stopped %d times", p, stopped)
	}
	x = newTally(func() {})
	if err := x.verdict(c, &writing{}, nil, false); err != nil {
		t.Error(err)
	}
	if err := x.verdict(c, &writing{}, nil, true); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Error(err)
	}
}
