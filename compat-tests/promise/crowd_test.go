package promise

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lastPoll has a member's poll begin when the crowd is told to stop, and notes if
// its client is closed by then.
type lastPoll struct {
	polled bool
	early  bool // closed before
}

// OnPollStart is before the poll counts as one that holds up rebalances.
func (l *lastPoll) OnPollStart(ctx context.Context) {
	if ctx == nil {
		return // it is what closing takes out of the client
	}
	<-ctx.Done()
	time.Sleep(time.Second) // of the bubble's clock: all others have done what they can
	l.polled = true
}

func (l *lastPoll) OnClientClosed(*kgo.Client) { l.early = l.early || !l.polled }

// TestStopWaitsForPolls: no client closes while its member may poll once more. A
// poll that comes between what closing does hangs it.
func TestStopWaitsForPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		noBroker := kgo.Dialer(func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("there is no broker") })
		producer, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1"), noBroker)
		if err != nil {
			t.Fatal(err)
		}
		c := &Crowd{addr: "127.0.0.1:1", History: NewHistory([]string{"g"}, 1, time.Second), producer: producer, cancel: cancel, quit: cancel}
		var polls []*lastPoll
		for _, consumer := range []bool{false, true} {
			at := &lastPoll{}
			polls = append(polls, at)
			if err := c.enter(ctx, "g", consumer, time.Second, noBroker, kgo.WithHooks(at)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // they poll
		c.Stop()
		for i, at := range polls {
			if !at.polled || at.early {
				t.Errorf("member %d: polled: %t, closed before that: %t", i, at.polled, at.early)
			}
		}
	})
}
