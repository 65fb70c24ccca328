package javatools

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

const (
	kafkaVerifiableProducer = "org.apache.kafka.tools.VerifiableProducer"
	kafkaVerifiableConsumer = "org.apache.kafka.tools.VerifiableConsumer"
	kafkaStreamsReset       = "org.apache.kafka.tools.StreamsResetter"
	kafkaStreamsGroups      = "org.apache.kafka.tools.streams.StreamsGroupCommand"
	kafkaShareGroups        = "org.apache.kafka.tools.consumer.group.ShareGroupCommand"
	kafkaAcls               = "org.apache.kafka.tools.AclCommand"
	kafkaDelegationTokens   = "org.apache.kafka.tools.DelegationTokenCommand"
)

// TestVerifiable: kafka-verifiable-producer and kafka-verifiable-consumer.
func TestVerifiable(t *testing.T) {
	topic := create(t, "1")
	out := run(t, "", kafkaVerifiableProducer, "--topic", topic, "--max-messages", "50", "--acks", "-1")
	contains(t, "producer", out, `"sent":50`, `"acked":50`)
	out = run(t, "", kafkaVerifiableConsumer, "--topic", topic, "--group-id", shared.Name(t), "--max-messages", "50", "--reset-policy", "earliest")
	contains(t, "consumer", out, "partitions_assigned", `"count":50`, "offsets_committed")
}

// TestClusterID: kafka-cluster tells the cluster's id and its brokers.
func TestClusterID(t *testing.T) {
	out := try(t, "", kafkaCluster, "cluster-id", "--bootstrap-server", shared.Addr())
	contains(t, "cluster id", out.Stdout, "Cluster ID: ")
	out = try(t, "", kafkaCluster, "list-endpoints", "--bootstrap-server", shared.Addr())
	contains(t, "endpoints", out.Stdout, "127.0.0.1")
}

// TestConfigsFound: kafka-configs without a name finds what has settings, which it
// asks for by ListConfigResources: a group that has no members, and a subscription.
func TestConfigsFound(t *testing.T) {
	name := shared.Name(t)
	for _, c := range []struct{ entities, key, value string }{
		{"groups", "consumer.session.timeout.ms", "50000"},
		{"client-metrics", "interval.ms", "60000"},
	} {
		one := []string{"--entity-type", c.entities, "--entity-name", name, "--alter"}
		run(t, "", kafkaConfigs, append(one, "--add-config", c.key+"="+c.value)...)
		described := func() string { return run(t, "", kafkaConfigs, "--entity-type", c.entities, "--describe") }
		testbroker.Eventually(t, 10*time.Second, func() error {
			if out := described(); !strings.Contains(out, name) || !strings.Contains(out, c.key+"="+c.value) {
				return fmt.Errorf("%s: %s", c.entities, out)
			}
			return nil
		})
		run(t, "", kafkaConfigs, append(one, "--delete-config", c.key)...)
		testbroker.Eventually(t, 10*time.Second, func() error {
			if out := described(); strings.Contains(out, c.key+"="+c.value) {
				return fmt.Errorf("%s, after its setting was taken back: %s", c.entities, out)
			}
			return nil
		})
	}
}

// TestUsers: kafka-configs sets, shows and removes quotas of users. What it shows of them it
// asks twice: their quotas, and then their passwords (SCRAM), of which there are none.
func TestUsers(t *testing.T) {
	name := shared.Name(t)
	users := []string{"--entity-type", "users"}
	one := append(users, "--entity-name", name)
	shows := func(what string, entities []string, want string) {
		t.Helper()
		testbroker.Eventually(t, 10*time.Second, func() error {
			if out := run(t, "", kafkaConfigs, append(entities, "--describe")...); out != want {
				return fmt.Errorf("%s: %q, want %q", what, out, want)
			}
			return nil
		})
	}
	shows("nobody", users, "")
	shows("a user who has nothing", one, "")
	run(t, "", kafkaConfigs, append(one, "--alter", "--add-config", "producer_byte_rate=500000")...)
	quota := "Quota configs for user-principal '" + name + "' are producer_byte_rate=500000.0\n"
	shows("all users", users, quota)
	shows("one user", one, quota)
	run(t, "", kafkaConfigs, append(one, "--alter", "--delete-config", "producer_byte_rate")...)
	shows("nobody any more", users, "")
}

// TestPasswords: kafka-configs gives a user a password (SCRAM), and takes it away; Mainstem has
// no security yet, and the tool says what is missing.
func TestPasswords(t *testing.T) {
	one := []string{"--entity-type", "users", "--entity-name", shared.Name(t)}
	set := append(append([]string{"--bootstrap-server", shared.Addr()}, one...), "--alter", "--add-config", "SCRAM-SHA-256=[iterations=8192,password=secret]")
	out := try(t, "", kafkaConfigs, set...)
	if shared.Broker().Target() == harness.Mainstem {
		contains(t, "a password", out.Stdout+out.Stderr, "does not support ALTER_USER_SCRAM_CREDENTIALS")
		return
	}
	contains(t, "a password", out.Stdout, "Completed updating config for user")
	testbroker.Eventually(t, 10*time.Second, func() error {
		if out := run(t, "", kafkaConfigs, append(one, "--describe")...); !strings.Contains(out, "SCRAM-SHA-256=iterations=8192") {
			return fmt.Errorf("described: %s", out)
		}
		return nil
	})
	run(t, "", kafkaConfigs, append(one, "--alter", "--delete-config", "SCRAM-SHA-256")...)
	testbroker.Eventually(t, 10*time.Second, func() error {
		if out := run(t, "", kafkaConfigs, append(one, "--describe")...); strings.Contains(out, "SCRAM") {
			return fmt.Errorf("removed, and still there: %s", out)
		}
		return nil
	})
}

// TestStreamsReset: kafka-streams-application-reset puts an application's input back to its
// beginning.
func TestStreamsReset(t *testing.T) {
	topic, id := create(t, "1"), shared.Name(t)
	run(t, "a\nb\n", kafkaConsoleProducer, "--topic", topic)
	run(t, "", kafkaConsoleConsumer, "--topic", topic, "--group", id, "--from-beginning", "--max-messages", "2", "--timeout-ms", "20000")
	contains(t, "reset", run(t, "", kafkaStreamsReset, "--application-id", id, "--input-topics", topic), topic)
	for line := range strings.Lines(run(t, "", kafkaConsumerGroups, "--describe", "--group", id)) {
		if f := strings.Fields(line); len(f) > 4 && f[1] == topic {
			if f[3] != "0" || f[4] != "2" {
				t.Errorf("reset to %s of %s", f[3], f[4])
			}
			return
		}
	}
	t.Error("no offset is left")
}

// TestNotServed: kafka-acls, kafka-delegation-tokens, kafka-share-groups and
// kafka-streams-groups say what is missing.
func TestNotServed(t *testing.T) {
	for _, c := range []struct {
		name, class   string
		args          []string
		kafka, reason string
	}{
		{"kafka-acls", kafkaAcls, []string{"--list"}, "No Authorizer is configured", "does not support DESCRIBE_ACLS"},
		{
			"kafka-delegation-tokens", kafkaDelegationTokens,
			[]string{"--describe", "--command-config", os.DevNull},
			"Delegation Token requests are not allowed on PLAINTEXT", "does not support DESCRIBE_DELEGATION_TOKEN",
		},
		{"kafka-share-groups", kafkaShareGroups, []string{"--describe", "--group", "not-there"}, "Group not-there not found", "does not support SHARE_GROUP_DESCRIBE"},
		{"kafka-streams-groups", kafkaStreamsGroups, []string{"--describe", "--group", "not-there"}, "Group not-there not found", "does not support STREAMS_GROUP_DESCRIBE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := try(t, "", c.class, append([]string{"--bootstrap-server", shared.Addr()}, c.args...)...)
			want := c.reason
			if shared.Broker().Target() == harness.Kafka {
				want = c.kafka
			}
			contains(t, c.name, out.Stdout+out.Stderr, want)
		})
	}
}
