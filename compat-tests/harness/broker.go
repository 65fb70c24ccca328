package harness

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Target names a kind of broker.
type Target string

// The targets. Apache Kafka is one so that a wrong test shows as a failure of
// Kafka.
const (
	Mainstem Target = "mainstem"
	Kafka    Target = "kafka"
)

// MainstemOnly is what a test says that is skipped because no other broker has what
// it is about.
const MainstemOnly = "only Mainstem has this"

// KafkaRefuses is what a test says that has seen Apache Kafka refuse what it is about.
const KafkaRefuses = "Apache Kafka refuses this"

// ParseTarget reads a target's name; the empty one means Mainstem.
func ParseTarget(name string) (Target, error) {
	switch Target(name) {
	case "", Mainstem:
		return Mainstem, nil
	case Kafka:
		return Kafka, nil
	}
	return "", fmt.Errorf("unknown target %q: want %q or %q", name, Mainstem, Kafka)
}

// Broker is one running (or stopped) broker process.
type Broker interface {
	// Target tells which program runs.
	Target() Target
	// Addr is the HOST:PORT for Kafka clients; it stays over restarts.
	Addr() string
	// PID is the running process, or 0.
	PID() int
	// Stop asks the process to end and waits for it.
	Stop() error
	// Kill ends the process as a power switch would (kill -9).
	Kill() error
	// Restart starts the stopped or killed process again on the same data and
	// waits until it is ready.
	Restart() error
	// StartTime is how long the last start took until the first Metadata
	// answer that named a broker.
	StartTime() time.Duration
	// Metrics is the URL of the metrics, or "" if the target has none.
	Metrics() string
	// LogFile has the output of all starts.
	LogFile() string
	// Remove kills the process, if it still runs, and deletes its data.
	Remove() error
}

// EndOfLog is what a broker said last, with a line that says whose it is, for somebody
// who looks for the reason of a failure.
func EndOfLog(b Broker) string {
	const most = 4000
	log, err := os.ReadFile(b.LogFile())
	if err != nil {
		return err.Error()
	}
	log = log[max(0, len(log)-most):]
	return fmt.Sprintf("--- end of the log of %s\n%s", b.Target(), log)
}

// Options say how a broker is started. The zero value is good for tests.
type Options struct {
	// Dir holds data, config and log; by default a new scratch directory.
	Dir string
	// Heap is the JVM's -Xmx for Apache Kafka; by default 512m.
	Heap string
	// Props are broker properties by Kafka's names.
	Props map[string]string
	// Plugin is the Java source of a class that Apache Kafka can load.
	Plugin string
	// ReadyTimeout bounds a start; by default three minutes, for a machine that is busy.
	ReadyTimeout time.Duration
}

func (o *Options) fill() error {
	if o.Heap == "" {
		o.Heap = "512m"
	}
	if o.ReadyTimeout == 0 {
		o.ReadyTimeout = 3 * time.Minute
	}
	if o.Dir == "" {
		dir, err := ScratchDir("broker-")
		if err != nil {
			return err
		}
		o.Dir = dir
	}
	return os.MkdirAll(o.Dir, 0o755)
}

// TestProps are the properties the client tests start both targets with: no
// waiting for further members, and every setting else at its default.
func TestProps() map[string]string {
	return map[string]string{"group.initial.rebalance.delay.ms": "0"}
}

// Start starts a broker on an empty directory and waits until it is ready.
func Start(ctx context.Context, target Target, opts Options) (Broker, error) {
	if err := opts.fill(); err != nil {
		return nil, fmt.Errorf("start %s: %w", target, err)
	}
	switch target {
	case Mainstem:
		return startMainstem(ctx, opts)
	case Kafka:
		return startKafka(ctx, opts)
	}
	return nil, fmt.Errorf("start: unknown target %q", target)
}
