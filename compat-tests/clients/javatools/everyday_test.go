package javatools

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestEveryday: the commands of docs/clients/kafka-tools.md, and what they show.
func TestEveryday(t *testing.T) {
	testbroker.Quick(t)
	text, err := os.ReadFile(filepath.Join("testdata", "everyday.txt"))
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]string{
		"kafka-topics.sh": kafkaTopics, "kafka-configs.sh": kafkaConfigs, "kafka-producer-perf-test.sh": kafkaProducerPerf,
		"kafka-console-consumer.sh": kafkaConsoleConsumer, "kafka-get-offsets.sh": kafkaGetOffsets, "kafka-consumer-groups.sh": kafkaConsumerGroups,
	}
	topic, group := shared.Name(t), shared.Name(t)
	here := strings.NewReplacer("localhost:9092", shared.Addr(), "orders", topic, "readers", group)
	shows := map[string]string{
		"--create": "Created topic " + topic, "--describe --topic": "PartitionCount: 6", "--alter": "Completed updating config",
		"--describe --entity-type": "max.message.bytes=2000000", "--num-records": "1000 records sent",
		"kafka-get-offsets": topic + ":5:", "--describe --group": topic, "--reset-offsets": "NEW-OFFSET",
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(here.Replace(line))
		if words[0] == "snippet:" {
			continue
		}
		out, err := harness.JavaTool(testbroker.Context(t, time.Minute), "", classes[words[0]], words[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		if out.Code != 0 {
			t.Fatalf("%s: exit code %d\n%s%s", line, out.Code, out.Stdout, out.Stderr)
		}
		shown := strings.Contains(line, "--max-messages")
		if shown {
			consumed(t, out.Stdout)
		}
		for part, want := range shows {
			if strings.Contains(line, part) {
				shown = true
				contains(t, line, out.Stdout, want)
			}
		}
		if !shown {
			t.Errorf("%s: nothing says what it is to show", line)
		}
	}
}

// consumed wants the records of the producer before it: 1,000 lines of 100 characters.
func consumed(t *testing.T, out string) {
	t.Helper()
	n := 0
	for line := range strings.Lines(out) {
		if len(strings.TrimSuffix(line, "\n")) == 100 {
			n++
		}
	}
	if n != 1000 {
		t.Errorf("%d records of 100 bytes were consumed, not 1,000:\n%.2000s", n, out)
	}
}
