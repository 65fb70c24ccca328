package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// patience is how long a broker may take for what it should do at once.
const patience = 10 * time.Second

func dial(t *testing.T) *net.TCPConn {
	t.Helper()
	nc, err := net.DialTimeout("tcp", shared.Addr(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc.(*net.TCPConn)
}

// closed reads until the broker closes the connection, and returns what it had
// to say before.
func closed(t *testing.T, nc net.Conn) []byte {
	t.Helper()
	if err := nc.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(nc)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("the connection is still open after %v", patience)
	}
	return answer
}

// unharmed is what everybody else may expect: a topic, records in and out.
func unharmed(t *testing.T) {
	t.Helper()
	ctx := testbroker.Context(t, patience)
	topic := shared.Name(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(shared.Addr()), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, topic); err != nil {
		t.Fatalf("create a topic: %v", err)
	}
	const n = 100
	for i := range n {
		cl.Produce(ctx, &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i))}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		t.Fatalf("produce: %v", err)
	}
	for got := 0; got < n; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatalf("consume, after %d of %d records: %v", got, n, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			if string(r.Value) != strconv.Itoa(got) {
				t.Fatalf("record %d is %q", got, r.Value)
			}
			got++
		})
	}
}

// anon is the memory that the broker itself uses.
func anon(t *testing.T) int64 {
	t.Helper()
	m, err := harness.ReadMemory(shared.Broker().PID())
	if err != nil {
		t.Fatal(err)
	}
	return m.Anon
}

// spared fails if the broker has taken more than so many MiB since then. A JVM
// takes memory as it likes.
func spared(t *testing.T, before, most int64) {
	t.Helper()
	if now := anon(t); shared.Broker().Target() == harness.Mainstem && now-before > most<<20 {
		t.Errorf("memory went from %d to %d MiB", before>>20, now>>20)
	}
}

// counter is the sum of a metric's series that have a label; 0 if it has none.
func counter(t *testing.T, name, label string) float64 {
	t.Helper()
	resp, err := http.Get(shared.Broker().Metrics())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var sum float64
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if !strings.HasPrefix(series, name+"{") || !strings.Contains(series, label) {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += v
	}
	return sum
}

// told does something until the broker's log has all words in one line, since a
// broker may limit how often it says the same, and once at least.
func told(t *testing.T, do func(), words ...string) {
	t.Helper()
	if shared.Broker().Target() != harness.Mainstem {
		do()
		return
	}
	testbroker.Eventually(t, 2*patience, func() error {
		before, err := os.Stat(shared.Broker().LogFile())
		if err != nil {
			return err
		}
		do()
		time.Sleep(100 * time.Millisecond)
		text, err := os.ReadFile(shared.Broker().LogFile())
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text[before.Size():])) {
			all := true
			for _, w := range words {
				all = all && strings.Contains(line, w)
			}
			if all {
				return nil
			}
		}
		return fmt.Errorf("no log line has %q; new: %s", words, text[before.Size():])
	})
}

// counted checks that doing something moves a counter, on Mainstem.
func counted(t *testing.T, name, label string, do func()) {
	t.Helper()
	if shared.Broker().Target() != harness.Mainstem {
		do()
		return
	}
	before := counter(t, name, label)
	do()
	testbroker.Eventually(t, patience, func() error {
		if now := counter(t, name, label); now <= before {
			return fmt.Errorf("%s{%s} stays at %v", name, label, now)
		}
		return nil
	})
}
