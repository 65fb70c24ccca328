package kcat

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// kcat runs kcat with input; it must end well.
func kcat(t *testing.T, input string, args ...string) harness.Output {
	t.Helper()
	out := try(t, input, args...)
	if out.Code != 0 {
		t.Fatalf("kcat %s: exit code %d\n%s%s", strings.Join(args, " "), out.Code, out.Stdout, out.Stderr)
	}
	return out
}

func try(t *testing.T, input string, args ...string) harness.Output {
	t.Helper()
	path, err := harness.Kcat()
	if err != nil {
		t.Fatal(err)
	}
	ctx := testbroker.Context(t, 45*time.Second)
	out, err := harness.Run(ctx, input, append([]string{path, "-b", shared.Addr()}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func lines(n int, prefix string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d\n", prefix, i)
	}
	return b.String()
}

// TestList: topics and brokers are listed.
func TestList(t *testing.T) {
	name := shared.Name(t)
	kcat(t, "v\n", "-P", "-t", name) // Creates the topic.
	var meta struct {
		Brokers []struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		} `json:"brokers"`
		Topics []struct {
			Topic      string `json:"topic"`
			Partitions []struct {
				Leader int `json:"leader"`
			} `json:"partitions"`
		} `json:"topics"`
	}
	out := kcat(t, "", "-L", "-J")
	if err := json.Unmarshal([]byte(out.Stdout), &meta); err != nil {
		t.Fatal(err)
	}
	if len(meta.Brokers) != 1 || meta.Brokers[0].Name != shared.Addr() {
		t.Errorf("brokers %+v, want %s", meta.Brokers, shared.Addr())
	}
	found := false
	for _, topic := range meta.Topics {
		if topic.Topic == name {
			found = len(topic.Partitions) == 1 && topic.Partitions[0].Leader == meta.Brokers[0].ID
		}
	}
	if !found {
		t.Errorf("topic %s is missing or has not one led partition: %s", name, out.Stdout)
	}
	if out := kcat(t, "", "-L", "-t", shared.Name(t)); !strings.Contains(out.Stdout, "topic") {
		t.Errorf("one topic: %s", out.Stdout)
	}
}

// TestProduceConsume: produce and consume with each codec and acks.
func TestProduceConsume(t *testing.T) {
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		for _, acks := range []string{"0", "1", "all"} {
			t.Run(codec+",acks="+acks, func(t *testing.T) {
				if acks == "1" {
					testbroker.Quick(t)
				}
				name := shared.Name(t)
				kcat(t, "first\n", "-P", "-t", name) // acks=0 would lose records while the topic is made.
				want := lines(500, "value of some length ")
				kcat(t, want, "-P", "-t", name, "-z", codec, "-X", "acks="+acks)
				// With acks=0 the end of the client does not mean the end of the write.
				var got string
				testbroker.Eventually(t, 10*time.Second, func() error {
					got = kcat(t, "", "-C", "-t", name, "-o", "beginning", "-e", "-q").Stdout
					if got != "first\n"+want {
						return fmt.Errorf("%d bytes, want %d", len(got), len("first\n"+want))
					}
					return nil
				})
			})
		}
	}
}

// TestIdempotent: an idempotent producer.
func TestIdempotent(t *testing.T) {
	name, want := shared.Name(t), lines(1000, "")
	kcat(t, want, "-P", "-t", name, "-X", "enable.idempotence=true", "-X", "batch.num.messages=10")
	if got := kcat(t, "", "-C", "-t", name, "-o", "beginning", "-e", "-q").Stdout; got != want {
		t.Errorf("%d bytes, want %d in order", len(got), len(want))
	}
}

// TestKeysHeadersTombstones: keys, headers and tombstones.
func TestKeysHeadersTombstones(t *testing.T) {
	name := shared.Name(t)
	kcat(t, "k1:v1\nk2:\n", "-P", "-t", name, "-K", ":", "-Z", "-H", "h=one", "-H", "g=two")
	got := kcat(t, "", "-C", "-t", name, "-o", "beginning", "-e", "-q", "-f", "%o %k %S %s [%h] %p\n").Stdout
	if want := "0 k1 2 v1 [h=one,g=two] 0\n1 k2 -1  [h=one,g=two] 0\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestConsumeFrom: consume from an offset, from the end and by time.
func TestConsumeFrom(t *testing.T) {
	name := shared.Name(t)
	kcat(t, lines(10, "v"), "-P", "-t", name)
	for from, want := range map[string]string{"7": "v7\nv8\nv9\n", "-2": "v8\nv9\n", "s@0": lines(10, "v")} {
		if got := kcat(t, "", "-C", "-t", name, "-p", "0", "-o", from, "-e", "-q").Stdout; got != want {
			t.Errorf("from %s: %q, want %q", from, got, want)
		}
	}
	if got := kcat(t, "", "-C", "-t", name, "-p", "0", "-o", "2", "-c", "3", "-q").Stdout; got != "v2\nv3\nv4\n" {
		t.Errorf("three from 2: %q", got)
	}
	// CRCs checked by the client too.
	kcat(t, "", "-C", "-t", name, "-o", "beginning", "-e", "-q", "-X", "check.crcs=true")
}

// TestLargeMessage: records up to the limit, and over it.
func TestLargeMessage(t *testing.T) {
	name := shared.Name(t)
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, []byte(strings.Repeat("x", 900_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	kcat(t, "", "-P", "-t", name, file)
	if got := kcat(t, "", "-C", "-t", name, "-o", "beginning", "-e", "-q", "-f", "%S\n").Stdout; got != "900000\n" {
		t.Errorf("sizes %q", got)
	}
	if err := os.WriteFile(file, []byte(strings.Repeat("x", 1_100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	out := try(t, "", "-P", "-t", name, "-X", "message.max.bytes=4000000", file)
	if !strings.Contains(out.Stderr, "Message size too large") {
		t.Errorf("over the limit: code %d, %s, want the broker's MSG_SIZE_TOO_LARGE", out.Code, out.Stderr)
	}
}

// TestGroup: a member of a group goes on where it was.
func TestGroup(t *testing.T) {
	name, group := shared.Name(t), shared.Name(t)
	kcat(t, lines(100, "a"), "-P", "-t", name)
	args := func(n string) []string {
		return []string{"-G", group, "-X", "auto.offset.reset=earliest", "-X", "heartbeat.interval.ms=200", "-q", "-c", n, name}
	}
	if got := kcat(t, "", args("100")...).Stdout; got != lines(100, "a") {
		t.Errorf("first run: %d bytes", len(got))
	}
	kcat(t, lines(5, "b"), "-P", "-t", name)
	if got := kcat(t, "", args("5")...).Stdout; got != lines(5, "b") {
		t.Errorf("second run: %q, want to go on at the commit", got)
	}
}

// Two members with each assignor share what is produced.
func TestGroupOfTwo(t *testing.T) {
	testbroker.Quick(t)
	for _, assignor := range []string{"range", "cooperative-sticky"} {
		t.Run(assignor, func(t *testing.T) {
			name, group := shared.Name(t), shared.Name(t)
			kcat(t, lines(200, ""), "-P", "-t", name)
			path, err := harness.Kcat()
			if err != nil {
				t.Fatal(err)
			}
			// Members end by themselves when they see the end of their part.
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			defer cancel()
			results := make(chan string, 2)
			for range 2 {
				go func() {
					out, err := harness.Run(ctx, "", path, "-b", shared.Addr(), "-G", group, "-q", "-e",
						"-X", "partition.assignment.strategy="+assignor, "-X", "auto.offset.reset=earliest",
						"-X", "heartbeat.interval.ms=200", name)
					if err != nil || out.Code != 0 {
						t.Errorf("member: %v %d %s", err, out.Code, out.Stderr)
					}
					results <- out.Stdout
				}()
			}
			got := strings.Fields(<-results + <-results)
			want := strings.Fields(lines(200, ""))
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%d values, want each of %d once", len(got), len(want))
			}
		})
	}
}

// TestQuery: offsets by time.
func TestQuery(t *testing.T) {
	name := shared.Name(t)
	kcat(t, lines(10, "v"), "-P", "-t", name)
	for at, want := range map[string]string{"-1": "offset 10", "-2": "offset 0", "1000": "offset 0"} {
		if got := kcat(t, "", "-Q", "-t", name+":0:"+at).Stdout; !strings.Contains(got, want) {
			t.Errorf("query %s: %q, want %q", at, got, want)
		}
	}
}
