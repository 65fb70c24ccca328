package old

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// java is the command of a program with the jars of a version.
func java(t *testing.T, version, program string) []string {
	t.Helper()
	command, err := harness.JavaProgramWith(testbroker.Context(t, 5*time.Minute), "kafka-clients-"+version, filepath.Join("testdata", program+".java"))
	if err != nil {
		t.Fatal(err)
	}
	return command
}

// try runs a program and reads what it says, if it ends well.
func try(t *testing.T, command []string, args ...string) (said, error) {
	t.Helper()
	out, err := harness.Run(within(t), "", append(append([]string(nil), command...), args...)...)
	if err != nil {
		return said{}, err
	}
	return parse(out.Stdout + out.Stderr)
}

// run is try for a program that must end well.
func run(t *testing.T, command []string, args ...string) said {
	t.Helper()
	s, err := try(t, command, args...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestJava: the producer of Java, and the consumer, which came with 0.9.
func TestJava(t *testing.T) {
	for _, version := range []string{"0.8.2", "0.9.0", "0.10.2"} {
		t.Run(version, func(t *testing.T) {
			testbroker.Quick(t)
			produce := java(t, version, "Produce")
			c := client{
				codecs: []string{"none", "gzip", "snappy", "lz4"},
				produce: func(t *testing.T, topic, codec string) ([]int64, error) {
					s, err := try(t, produce, shared.Addr(), topic, codec, "-1", strconv.Itoa(count))
					return s.offsets, err
				},
			}
			if version != "0.8.2" {
				consume := java(t, version, "Consume")
				c.groups = true
				c.consume = func(t *testing.T, topic, group string, n, fetchBytes int) []record {
					return run(t, consume, shared.Addr(), topic, group, strconv.Itoa(n), strconv.Itoa(fetchBytes)).records
				}
			}
			scenario(t, c)
		})
	}
}

// TestJavaUnanswered: acks=0 and acks=1 are served too.
func TestJavaUnanswered(t *testing.T) {
	testbroker.Quick(t)
	produce := java(t, "0.8.2", "Produce")
	topic := shared.Topic(t, 1, nil)
	if shared.Broker().Target() != harness.Mainstem {
		_, err := try(t, produce, shared.Addr(), topic, "gzip", "1", strconv.Itoa(count))
		refused(t, err)
	}
	for _, acks := range []string{"0", "1"} {
		run(t, produce, shared.Addr(), topic, "gzip", acks, strconv.Itoa(count))
	}
	if got := readToday(t, topic, 2*count); len(got) != 2*count {
		t.Errorf("%d records", len(got))
	}
}
