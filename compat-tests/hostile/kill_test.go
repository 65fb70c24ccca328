package hostile

import (
	"errors"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/promise"
)

// TestKillDuringShutdown kills the broker while it shuts down under load; what
// was acknowledged is there after the restart.
func TestKillDuringShutdown(t *testing.T) {
	testbroker.Quick(t)
	target, err := harness.ParseTarget(os.Getenv("TARGET"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := testbroker.Context(t, 5*time.Minute)
	b, err := harness.Start(ctx, target, harness.Options{Props: harness.TestProps()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Remove(); err != nil {
			t.Error(err)
		}
	})
	l := promise.New(3)
	if err := l.CreateTopic(ctx, b.Addr()); err != nil {
		t.Fatal(err)
	}
	load, err := promise.Start(ctx, b.Addr(), l, 3, 60_000)
	if err != nil {
		t.Fatal(err)
	}
	defer load.Stop()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 6 {
		pause := time.Duration(rng.IntN(30)) * time.Millisecond
		before := l.Total()
		load.Resume()
		testbroker.Eventually(t, 30*time.Second, func() error {
			if l.Total() == before {
				return errors.New("nothing was acknowledged: the test would show nothing")
			}
			return nil
		})
		time.Sleep(500 * time.Millisecond)
		if err := syscall.Kill(b.PID(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pause)
		if err := b.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := b.Restart(); err != nil {
			t.Fatalf("round %d, killed %v after SIGTERM: %v", round, pause, err)
		}
		if _, err := load.Verify(ctx, b.Addr(), true); err != nil {
			t.Fatalf("round %d, killed %v after SIGTERM: %v", round, pause, err)
		}
	}
	t.Logf("%d records were acknowledged", l.Total())
}
