package testbroker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// readyTime bounds a start: a JVM that was killed waits for its own session to end, and
// on a busy machine for more.
const readyTime = 3 * time.Minute

// lookEvery is how often a test that waits tries again.
const lookEvery = 20 * time.Millisecond

// Shared is a package's broker. Its zero value is ready for Main.
type Shared struct {
	// Plugin is the Java source of a class that Apache Kafka can load.
	Plugin string
	broker harness.Broker
	names  atomic.Int64
}

// Main runs a package's tests; call it from TestMain and exit with its result.
func (s *Shared) Main(m *testing.M) int { return s.MainWith(m, nil) }

// MainWith is Main for a broker with further properties.
func (s *Shared) MainWith(m *testing.M, more map[string]string) int {
	target, err := harness.ParseTarget(os.Getenv("TARGET"))
	if err != nil {
		return fail(err)
	}
	props := harness.TestProps()
	maps.Copy(props, more)
	s.broker, err = harness.Start(context.Background(), target, harness.Options{Props: props, Plugin: s.Plugin, ReadyTimeout: readyTime})
	if err != nil {
		return fail(err)
	}
	code := m.Run()
	if code != 0 {
		fmt.Fprintln(os.Stderr, harness.EndOfLog(s.broker))
	}
	// A broker that cannot stop has failed too.
	if err := errors.Join(s.broker.Stop(), s.broker.Remove()); err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "testbroker:", err)
	return 1
}

// Kill has the broker die.
func (s *Shared) Kill(t *testing.T) {
	t.Helper()
	if err := s.broker.Kill(); err != nil {
		t.Fatal(err)
	}
}

// Restart has the broker die, if it has not yet, and come back.
func (s *Shared) Restart(t *testing.T) {
	t.Helper()
	if err := errors.Join(s.broker.Kill(), s.broker.Restart()); err != nil {
		t.Fatal(err)
	}
}

// Broker is the broker that Main started.
func (s *Shared) Broker() harness.Broker { return s.broker }

// Addr is the broker's address.
func (s *Shared) Addr() string { return s.broker.Addr() }

// Name makes a name for a topic or group that no other test has.
func (s *Shared) Name(t *testing.T) string {
	t.Helper()
	name := strings.NewReplacer("/", ".", "=", "-", "#", "-", ",", "-", " ", "_").Replace(t.Name())
	return fmt.Sprintf("%s.%d", name, s.names.Add(1))
}

// Quick skips a test that the quick set leaves out.
func Quick(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("not in the quick set")
	}
}

// MainstemOnly skips a test of what no other broker has. The report lets a test that
// must pass be skipped on Kafka for this and for KafkaRefuses.
func MainstemOnly(t *testing.T, target harness.Target) {
	t.Helper()
	if target != harness.Mainstem {
		t.Skipf("%s, and this is %s", harness.MainstemOnly, target)
	}
}

// KafkaRefuses ends a test that has seen, on Apache Kafka, that it refuses a client, and
// says how.
func KafkaRefuses(t *testing.T, how string) {
	t.Helper()
	t.Skipf("%s: %s", harness.KafkaRefuses, how)
}

// Context ends with the test, and after a while at the latest.
func Context(t *testing.T, most time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	t.Cleanup(cancel)
	return ctx
}

// Eventually tries for a while until there is no error.
func Eventually(t *testing.T, most time.Duration, try func() error) {
	t.Helper()
	Await(Context(t, most), t, fmt.Sprintf("after %v", most), try)
}

// Await tries until there is no error, or the context ends.
func Await(ctx context.Context, t *testing.T, what string, try func() error) {
	t.Helper()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: still: %v", what, err)
		case <-time.After(lookEvery):
		}
	}
}
