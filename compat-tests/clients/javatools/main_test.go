package javatools

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// The tools by their script's name.
const (
	kafkaTopics          = "org.apache.kafka.tools.TopicCommand"
	kafkaConfigs         = "kafka.admin.ConfigCommand"
	kafkaConsumerGroups  = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
	kafkaGroups          = "org.apache.kafka.tools.GroupsCommand"
	kafkaGetOffsets      = "org.apache.kafka.tools.GetOffsetShell"
	kafkaDeleteRecords   = "org.apache.kafka.tools.DeleteRecordsCommand"
	kafkaLogDirs         = "org.apache.kafka.tools.LogDirsCommand"
	kafkaConsoleProducer = "org.apache.kafka.tools.ConsoleProducer"
	kafkaConsoleConsumer = "org.apache.kafka.tools.consumer.ConsoleConsumer"
	kafkaProducerPerf    = "org.apache.kafka.tools.ProducerPerformance"
	kafkaConsumerPerf    = "org.apache.kafka.tools.ConsumerPerformance"
	kafkaEndToEnd        = "org.apache.kafka.tools.EndToEndLatency"
	kafkaAPIVersions     = "org.apache.kafka.tools.BrokerApiVersionsCommand"
)

// try runs a tool against the broker, whatever comes of it.
func try(t *testing.T, input, class string, args ...string) harness.Output {
	t.Helper()
	out, err := harness.JavaTool(testbroker.Context(t, 60*time.Second), input, class, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// run runs a tool that must end well and returns what it printed.
func run(t *testing.T, input, class string, args ...string) string {
	t.Helper()
	args = append([]string{"--bootstrap-server", shared.Addr()}, args...)
	out := try(t, input, class, args...)
	if out.Code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s%s", class, strings.Join(args, " "), out.Code, out.Stdout, out.Stderr)
	}
	return out.Stdout
}

// contains checks that words stand in a text.
func contains(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s: no %q in:\n%s", what, w, text)
		}
	}
}

// create makes a topic of the test's own with kafka-topics.
func create(t *testing.T, partitions string, configs ...string) string {
	t.Helper()
	name := shared.Name(t)
	args := []string{"--create", "--topic", name, "--partitions", partitions}
	for _, c := range configs {
		args = append(args, "--config", c)
	}
	contains(t, "create", run(t, "", kafkaTopics, args...), "Created topic "+name)
	return name
}
