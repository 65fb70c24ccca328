package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestTopic: a topic from its creation to its end.
func TestTopic(t *testing.T) {
	name := shared.Name(t)
	run(t, "", "topic", "create", name, "--partitions", "3", "--config", "retention.ms=7200000")
	wantRefused(t, "TOPIC_ALREADY_EXISTS", "topic", "create", name)
	run(t, "", "topic", "create", name, "--if-not-exists")
	var described struct {
		Topics []struct {
			Topic      string
			Partitions []struct{ Leader, Earliest, Latest int64 }
		}
	}
	ask(t, &described, "topic", "describe", name)
	if len(described.Topics) != 1 || len(described.Topics[0].Partitions) != 3 || described.Topics[0].Partitions[2].Latest != 0 {
		t.Errorf("describe: %+v", described)
	}
	if !slices.Contains(strings.Fields(run(t, "", "topic", "list")), name) {
		t.Error("list does not name the topic")
	}
	run(t, "", "topic", "delete", name, "--yes")
	testbroker.Eventually(t, 30*time.Second, func() error { // Apache Kafka's brokers know it later
		if out := try(t, "", "topic", "describe", name); out.Code == 0 || !strings.Contains(out.Stderr, "UNKNOWN_TOPIC_OR_PARTITION") {
			return errStillThere
		}
		return nil
	})
}

// TestTopicConfig: settings are set, seen and taken away.
func TestTopicConfig(t *testing.T) {
	name := shared.Topic(t, 1, nil)
	run(t, "", "topic", "config", name, "set", "retention.ms=3600000", "cleanup.policy=compact")
	awaitSetting(t, name, "retention.ms=3600000")
	awaitSetting(t, name, "cleanup.policy=compact")
	run(t, "", "topic", "config", name, "unset", "retention.ms")
	awaitSetting(t, name, "retention.ms=604800000")
	awaitSetting(t, name, "cleanup.policy=compact")
	wantRefused(t, "retention.ms", "topic", "config", name, "set", "retention.ms=soon")
}

func awaitSetting(t *testing.T, topic, want string) {
	t.Helper()
	testbroker.Eventually(t, 30*time.Second, func() error {
		for line := range strings.Lines(run(t, "", "topic", "config", topic, "--all")) {
			if f := strings.Fields(line); len(f) > 1 && f[0]+"="+f[1] == want {
				return nil
			}
		}
		return errNotYet(want)
	})
}
