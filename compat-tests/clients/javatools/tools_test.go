package javatools

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestTopics: kafka-topics creates, describes, lists, alters and deletes.
func TestTopics(t *testing.T) {
	name := create(t, "3", "retention.ms=7200000")
	described := run(t, "", kafkaTopics, "--describe", "--topic", name)
	contains(t, "describe", described, "PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=7200000", "Partition: 2", "Isr:")
	contains(t, "list", run(t, "", kafkaTopics, "--list"), name)
	again := try(t, "", kafkaTopics, "--bootstrap-server", shared.Addr(), "--create", "--topic", name)
	if again.Code == 0 || !strings.Contains(again.Stdout+again.Stderr, "already exists") {
		t.Errorf("create again: code %d %s%s", again.Code, again.Stdout, again.Stderr)
	}
	run(t, "", kafkaTopics, "--alter", "--topic", name, "--partitions", "5")
	testbroker.Eventually(t, 10*time.Second, func() error {
		if out := run(t, "", kafkaTopics, "--describe", "--topic", name); !strings.Contains(out, "PartitionCount: 5") {
			return fmt.Errorf("after alter:\n%s", out)
		}
		return nil
	})
	run(t, "", kafkaTopics, "--delete", "--topic", name)
	testbroker.Eventually(t, 10*time.Second, func() error {
		if out := run(t, "", kafkaTopics, "--list"); slices.Contains(strings.Fields(out), name) {
			return fmt.Errorf("%s is still listed", name)
		}
		return nil
	})
}

// TestConsole: kafka-console-producer and kafka-console-consumer, with keys, from an offset.
func TestConsole(t *testing.T) {
	name := create(t, "1")
	run(t, "k1:one\nk2:two\nk3:three\n", kafkaConsoleProducer, "--topic", name,
		"--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
	args := []string{"--topic", name, "--from-beginning", "--max-messages", "3", "--timeout-ms", "20000"}
	got := run(t, "", kafkaConsoleConsumer, append(args, "--formatter-property", "print.key=true")...)
	if want := "k1\tone\nk2\ttwo\nk3\tthree\n"; got != want {
		t.Errorf("consumed %q, want %q", got, want)
	}
	got = run(t, "", kafkaConsoleConsumer, "--topic", name, "--partition", "0", "--offset", "1", "--max-messages", "2", "--timeout-ms", "20000")
	if got != "two\nthree\n" {
		t.Errorf("from offset 1: %q", got)
	}
}

// Codecs and acks of the Java producer, idempotence on and off.
func TestConsoleProducerSettings(t *testing.T) {
	name := create(t, "1")
	want := ""
	for i, set := range [][]string{
		{"compression.type=gzip", "acks=all"},
		{"compression.type=snappy", "acks=1", "enable.idempotence=false"},
		{"compression.type=lz4", "acks=all", "enable.idempotence=false"},
		{"compression.type=zstd", "acks=all"},
		{"acks=0", "enable.idempotence=false"},
	} {
		args := []string{"--topic", name}
		for _, s := range set {
			args = append(args, "--command-property", s)
		}
		line := fmt.Sprintf("%d %s\n", i, strings.Repeat("x", 100))
		run(t, line, kafkaConsoleProducer, args...)
		want += line
	}
	got := run(t, "", kafkaConsoleConsumer, "--topic", name, "--from-beginning", "--max-messages", "5", "--timeout-ms", "20000")
	if got != want {
		t.Errorf("consumed %q, want %q", got, want)
	}
}

// TestGroups: kafka-consumer-groups and kafka-groups list, describe, reset offsets and delete.
func TestGroups(t *testing.T) {
	name, group := create(t, "1"), shared.Name(t)
	run(t, strings.Repeat("v\n", 10), kafkaConsoleProducer, "--topic", name)
	consume := func(n string) string {
		return run(t, "", kafkaConsoleConsumer, "--topic", name, "--group", group, "--max-messages", n, "--timeout-ms", "20000",
			"--command-property", "auto.offset.reset=earliest")
	}
	if got := consume("10"); got != strings.Repeat("v\n", 10) {
		t.Errorf("in a group: %q", got)
	}
	run(t, "w\nw\n", kafkaConsoleProducer, "--topic", name)
	if got := consume("2"); got != "w\nw\n" {
		t.Errorf("again in the group: %q, want to go on at the commit", got)
	}
	contains(t, "list", run(t, "", kafkaConsumerGroups, "--list"), group)
	contains(t, "list of all kinds", run(t, "", kafkaGroups, "--list"), group)
	row := func() []string {
		for line := range strings.Lines(run(t, "", kafkaConsumerGroups, "--describe", "--group", group)) {
			if f := strings.Fields(line); len(f) > 5 && f[0] == group {
				return f[1:6]
			}
		}
		return nil
	}
	if got, want := row(), []string{name, "0", "12", "12", "0"}; !slices.Equal(got, want) {
		t.Errorf("described %v, want %v", got, want)
	}
	contains(t, "state", run(t, "", kafkaConsumerGroups, "--describe", "--group", group, "--state"), "Empty")
	run(t, "", kafkaConsumerGroups, "--reset-offsets", "--group", group, "--topic", name, "--to-offset", "3", "--execute")
	if got, want := row(), []string{name, "0", "3", "12", "9"}; !slices.Equal(got, want) {
		t.Errorf("after the reset %v, want %v", got, want)
	}
	run(t, "", kafkaConsumerGroups, "--reset-offsets", "--group", group, "--all-topics", "--shift-by", "2", "--execute")
	run(t, "", kafkaConsumerGroups, "--delete-offsets", "--group", group, "--topic", name)
	contains(t, "delete", run(t, "", kafkaConsumerGroups, "--delete", "--group", group), "was successful")
	if got := run(t, "", kafkaConsumerGroups, "--list"); strings.Contains(got, group) {
		t.Errorf("still listed: %s", got)
	}
}

// TestConfigs: kafka-configs describes and alters topics and brokers.
func TestConfigs(t *testing.T) {
	name := create(t, "1")
	topic := []string{"--entity-type", "topics", "--entity-name", name}
	run(t, "", kafkaConfigs, append(topic, "--alter", "--add-config", "retention.ms=123456,max.message.bytes=65536")...)
	testbroker.Eventually(t, 10*time.Second, func() error {
		out := run(t, "", kafkaConfigs, append(topic, "--describe")...)
		if !strings.Contains(out, "retention.ms=123456") || !strings.Contains(out, "max.message.bytes=65536") {
			return fmt.Errorf("described: %s", out)
		}
		return nil
	})
	run(t, "", kafkaConfigs, append(topic, "--alter", "--delete-config", "retention.ms")...)
	contains(t, "describe all", run(t, "", kafkaConfigs, append(topic, "--describe", "--all")...), "retention.ms=604800000", "DEFAULT_CONFIG")
	bad := try(t, "", kafkaConfigs, append([]string{"--bootstrap-server", shared.Addr(), "--alter", "--add-config", "retention.ms=x"}, topic...)...)
	if bad.Code == 0 || !strings.Contains(bad.Stdout+bad.Stderr, "retention.ms") {
		t.Errorf("a bad value: code %d %s%s", bad.Code, bad.Stdout, bad.Stderr)
	}
	all := []string{"--entity-type", "brokers", "--entity-default"}
	run(t, "", kafkaConfigs, append(all, "--alter", "--add-config", "message.max.bytes=2000000")...)
	contains(t, "brokers", run(t, "", kafkaConfigs, append(all, "--describe")...), "message.max.bytes=2000000")
	run(t, "", kafkaConfigs, append(all, "--alter", "--delete-config", "message.max.bytes")...)
}

// throttleTime is how the tool shows the longest pause of its producer.
var throttleTime = regexp.MustCompile(`produce-throttle-time-max\S* *: *([0-9.]+)`)

// TestQuotas sets, shows and removes quotas of clients, of one and of all, and has
// Kafka's producer feel one.
func TestQuotas(t *testing.T) {
	name := create(t, "1")
	one, all := []string{"--entity-type", "clients", "--entity-name", "perf-producer-client"}, []string{"--entity-type", "clients", "--entity-default"}
	run(t, "", kafkaConfigs, append(one, "--alter", "--add-config", "producer_byte_rate=500000,request_percentage=200.5")...)
	run(t, "", kafkaConfigs, append(all, "--alter", "--add-config", "consumer_byte_rate=5000000000")...)
	testbroker.Eventually(t, 10*time.Second, func() error {
		out := run(t, "", kafkaConfigs, "--entity-type", "clients", "--describe")
		for _, want := range []string{"client-id 'perf-producer-client'", "producer_byte_rate=500000.0", "request_percentage=200.5", "default client-id", "consumer_byte_rate=5.0E9"} {
			if !strings.Contains(out, want) {
				return fmt.Errorf("no %q in: %s", want, out)
			}
		}
		return nil
	})
	// Sixteen seconds' worth: more than any burst.
	out := run(t, "", kafkaProducerPerf, "--topic", name, "--num-records", "8000", "--record-size", "1000", "--throughput", "-1", "--print-metrics",
		"--command-property", "batch.size=16384")
	if told := throttleTime.FindStringSubmatch(out); told == nil || strings.Trim(told[1], "0.") == "" {
		t.Errorf("the producer was told of no pause: %q in:\n%s", told, out)
	}
	bad := try(t, "", kafkaConfigs, append([]string{"--bootstrap-server", shared.Addr(), "--alter", "--add-config", "producer_byte_rate=-1"}, one...)...)
	if bad.Code == 0 || !strings.Contains(bad.Stdout+bad.Stderr, "producer_byte_rate") {
		t.Errorf("a bad value: code %d %s%s", bad.Code, bad.Stdout, bad.Stderr)
	}
	run(t, "", kafkaConfigs, append(one, "--alter", "--delete-config", "producer_byte_rate,request_percentage")...)
	run(t, "", kafkaConfigs, append(all, "--alter", "--delete-config", "consumer_byte_rate")...)
	testbroker.Eventually(t, 10*time.Second, func() error {
		if out := run(t, "", kafkaConfigs, "--entity-type", "clients", "--describe"); strings.Contains(out, "rate=") {
			return fmt.Errorf("removed, and still there: %s", out)
		}
		return nil
	})
}

// TestOffsetsRecordsDirs: kafka-get-offsets, kafka-delete-records, kafka-log-dirs and kafka-
// broker-api-versions.
func TestOffsetsRecordsDirs(t *testing.T) {
	name := create(t, "1")
	run(t, strings.Repeat("v\n", 10), kafkaConsoleProducer, "--topic", name)
	offsets := func(time string) string {
		return strings.TrimSpace(run(t, "", kafkaGetOffsets, "--topic", name, "--time", time))
	}
	for at, want := range map[string]string{"latest": "10", "earliest": "0", "1000": "0", "max-timestamp": "9"} {
		if got := offsets(at); at != "max-timestamp" && got != name+":0:"+want {
			t.Errorf("%s: %q, want %s", at, got, want)
		} else if !strings.HasPrefix(got, name+":0:") {
			t.Errorf("%s: %q", at, got)
		}
	}
	file := filepath.Join(t.TempDir(), "delete.json")
	text := fmt.Sprintf(`{"version":1,"partitions":[{"topic":%q,"partition":0,"offset":4}]}`, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, "delete records", run(t, "", kafkaDeleteRecords, "--offset-json-file", file), "low_watermark: 4")
	if got := offsets("earliest"); got != name+":0:4" {
		t.Errorf("earliest after delete: %q", got)
	}
	contains(t, "log dirs", run(t, "", kafkaLogDirs, "--describe", "--topic-list", name), `"partition":"`+name+`-0"`, `"error":null`)
	contains(t, "api versions", run(t, "", kafkaAPIVersions), "Produce(0): 0 to 13", "ApiVersions(18): 0 to 4")
}

// TestPerf: kafka-producer-perf-test, kafka-consumer-perf-test and kafka-e2e-latency.
func TestPerf(t *testing.T) {
	name := create(t, "2")
	out := run(t, "", kafkaProducerPerf, "--topic", name, "--num-records", "20000", "--record-size", "100",
		"--throughput", "-1", "--command-property", "acks=all")
	contains(t, "producer perf", out, "20000 records sent")
	out = run(t, "", kafkaConsumerPerf, "--topic", name, "--num-records", "20000", "--timeout", "20000", "--command-property", "auto.offset.reset=earliest")
	contains(t, "consumer perf", out, "data.consumed.in.MB")
	if strings.Contains(out, "WARNING: Exiting before consuming") {
		t.Errorf("consumer perf ended early: %s", out)
	}
	latency := create(t, "1")
	out = run(t, "", kafkaEndToEnd, "--topic", latency, "--num-records", "200", "--producer-acks", "all", "--record-size", "100")
	contains(t, "end to end", out, "Avg latency", "99th")
	// The tool makes its own topic if there is none; it reads the answer's configs.
	out = run(t, "", kafkaEndToEnd, "--topic", shared.Name(t), "--num-records", "50", "--producer-acks", "1", "--record-size", "100")
	contains(t, "end to end on a new topic", out, "Percentiles")
}
