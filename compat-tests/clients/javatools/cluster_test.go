package javatools

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	kafkaLeaderElection     = "org.apache.kafka.tools.LeaderElectionCommand"
	kafkaReassignPartitions = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
	kafkaMetadataQuorum     = "org.apache.kafka.tools.MetadataQuorumCommand"
	kafkaFeatures           = "org.apache.kafka.tools.FeatureCommand"
	kafkaCluster            = "org.apache.kafka.tools.ClusterTool"
)

// TestElection: the leader is the preferred one, and the tool says so.
func TestElection(t *testing.T) {
	const topic = "tools-election"
	run(t, "", kafkaTopics, "--create", "--topic", topic, "--partitions", "2")
	out := run(t, "", kafkaLeaderElection, "--election-type", "preferred", "--topic", topic, "--partition", "1")
	contains(t, "leader election", out, "Valid replica already elected for partitions "+topic+"-1")
	run(t, "", kafkaLeaderElection, "--election-type", "preferred", "--all-topic-partitions")
}

// TestReassign: partitions stay where they are, and cannot go where nobody is.
func TestReassign(t *testing.T) {
	const topic = "tools-reassign"
	run(t, "", kafkaTopics, "--create", "--topic", topic, "--partitions", "2")
	plan := filepath.Join(t.TempDir(), "plan.json")
	write := func(broker string) {
		text := `{"version":1,"partitions":[{"topic":"` + topic + `","partition":1,"replicas":[` + broker + `]}]}`
		if err := os.WriteFile(plan, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	contains(t, "execute", run(t, "", kafkaReassignPartitions, "--reassignment-json-file", plan, "--execute"),
		"Successfully started partition reassignment for "+topic+"-1")
	contains(t, "verify", run(t, "", kafkaReassignPartitions, "--reassignment-json-file", plan, "--verify"),
		"Reassignment of partition "+topic+"-1 is completed.")
	contains(t, "list", run(t, "", kafkaReassignPartitions, "--list"), "No partition reassignments found.")
	write("77")
	if out := try(t, "", kafkaReassignPartitions, "--bootstrap-server", shared.Addr(), "--reassignment-json-file", plan, "--execute"); out.Code == 0 {
		t.Errorf("a move to a broker that there is not: exit code 0\n%s", out.Stdout)
	} else {
		contains(t, "a move to a broker that there is not", out.Stdout+out.Stderr, "77")
	}
}

// TestQuorum: who leads the metadata.
func TestQuorum(t *testing.T) {
	contains(t, "quorum status", run(t, "", kafkaMetadataQuorum, "describe", "--status"), "LeaderId:", "HighWatermark:", "CurrentVoters:")
	contains(t, "quorum replication", run(t, "", kafkaMetadataQuorum, "describe", "--replication"), "Leader")
}

// TestFeatures: their levels are shown, and cannot be raised beyond what is built.
func TestFeatures(t *testing.T) {
	contains(t, "features", run(t, "", kafkaFeatures, "describe"), "transaction.version", "group.version", "FinalizedVersionLevel: 2")
	out := try(t, "", kafkaFeatures, "--bootstrap-server", shared.Addr(), "upgrade", "--feature", "transaction.version=9")
	if out.Code == 0 {
		t.Errorf("transaction.version=9: exit code 0\n%s", out.Stdout)
	}
	contains(t, "transaction.version=9", out.Stdout+out.Stderr, "transaction.version")
}

// TestUnregister: a broker that there is not.
func TestUnregister(t *testing.T) {
	out := try(t, "", kafkaCluster, "unregister", "--bootstrap-server", shared.Addr(), "--id", "77")
	contains(t, "unregister", out.Stdout+out.Stderr, "77")
}
