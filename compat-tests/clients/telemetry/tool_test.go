package telemetry

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestTool: kafka-client-metrics makes, shows, lists and removes subscriptions.
func TestTool(t *testing.T) {
	testbroker.Quick(t)
	must := func(args ...string) string {
		t.Helper()
		out := tool(t, args...)
		if out.Code != 0 {
			t.Fatalf("%v: exit code %d\n%s%s", args, out.Code, out.Stdout, out.Stderr)
		}
		return out.Stdout
	}
	// Kafka's answer to a change comes before its brokers know of it.
	eventually := func(want, not string, args ...string) {
		t.Helper()
		testbroker.Eventually(t, 30*time.Second, func() error {
			out := must(args...)
			for line := range strings.Lines(want) {
				if !strings.Contains(out, strings.TrimSpace(line)) {
					return fmt.Errorf("%v: no %q in:\n%s", args, line, out)
				}
			}
			if not != "" && strings.Contains(out, not) {
				return fmt.Errorf("%v: %q in:\n%s", args, not, out)
			}
			return nil
		})
	}
	must("--alter", "--name", "tool-one", "--metrics", "org.apache.kafka.producer.,org.apache.kafka.consumer.", "--interval", "30000",
		"--match", "client_id=tool.*,client_software_name=apache-kafka-java")
	eventually("interval.ms=30000\nmatch=client_id=tool.*,client_software_name=apache-kafka-java\nmetrics=org.apache.kafka.producer.,org.apache.kafka.consumer.",
		"", "--describe", "--name", "tool-one")
	made := regexp.MustCompile(`for (\S+)\.`).FindStringSubmatch(must("--alter", "--generate-name", "--metrics", "*"))
	if made == nil {
		t.Fatal("no name was made")
	}
	eventually("tool-one\n"+made[1], "", "--list")
	eventually("tool-one\n"+made[1]+"\ninterval.ms=300000\nmetrics=*", "", "--describe")
	bad := tool(t, "--alter", "--name", "tool-bad", "--match", "client_mood=good")
	if text := bad.Stdout + bad.Stderr; bad.Code == 0 || !strings.Contains(text, "client_mood") {
		t.Errorf("a bad match: exit code %d: %s", bad.Code, text)
	}
	must("--alter", "--name", "tool-one", "--interval", "")
	eventually("interval.ms=300000", "", "--describe", "--name", "tool-one")
	must("--delete", "--name", "tool-one")
	must("--delete", "--name", made[1])
	eventually("", "tool-one", "--list")
	gone := tool(t, "--describe", "--name", "tool-one")
	if text := gone.Stdout + gone.Stderr; !strings.Contains(text, "doesn't exist") {
		t.Errorf("described after it was deleted: exit code %d: %s", gone.Code, text)
	}
}
