package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// TestGroupConfig: every setting of groups reaches the coordinator, and without
// any it has Kafka's.
func TestGroupConfig(t *testing.T) {
	meta, err := cluster.Open(vfs.NewMem(), "data", cluster.Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := meta.Close(); err != nil {
			t.Error(err)
		}
	}()
	of := func(static map[string]string) coordinator.Config {
		rules := groupRules{resolver: cluster.NewResolver(static), meta: meta}
		return rules.config()
	}
	if diff := cmp.Diff(coordinator.DefaultConfig(), of(nil)); diff != "" {
		t.Errorf("defaults (-coordinator +broker):\n%s", diff)
	}
	want := coordinator.DefaultConfig()
	want.SessionTimeoutMin, want.SessionTimeoutMax, want.MembersMax, want.InitialRebalanceDelay = 1*time.Second, 2*time.Second, 3, 4*time.Second
	want.ConsumerSession = coordinator.Bounded{Default: 20 * time.Second, Min: 10 * time.Second, Max: 30 * time.Second}
	want.ConsumerHeartbeat = coordinator.Bounded{Default: 2 * time.Second, Min: time.Second, Max: 3 * time.Second}
	want.ConsumerMembersMax, want.Assignors, want.Migration = 7, []string{"range"}, coordinator.MigrateUp
	want.OffsetMetadataMax, want.OffsetsRetention, want.OffsetsCheckInterval, want.Shards = 8, 9*time.Minute, 10*time.Second, 11
	want.BatchBytesMax, want.UnitBytesMax, want.GroupBytesMax, want.RecordBytesMax = 1<<18, 1<<18, 1<<18, 1<<18 // they fit a file of the log
	got := of(map[string]string{
		"group.min.session.timeout.ms": "1000", "group.max.session.timeout.ms": "2000",
		"group.max.size": "3", "group.initial.rebalance.delay.ms": "4000",
		"group.consumer.session.timeout.ms": "20000", "group.consumer.min.session.timeout.ms": "10000", "group.consumer.max.session.timeout.ms": "30000",
		"group.consumer.heartbeat.interval.ms": "2000", "group.consumer.min.heartbeat.interval.ms": "1000", "group.consumer.max.heartbeat.interval.ms": "3000",
		"group.consumer.max.size": "7", "group.consumer.assignors": "range", "group.consumer.migration.policy": "UPGRADE",
		"offset.metadata.max.bytes": "8", "offsets.retention.minutes": "9", "offsets.retention.check.interval.ms": "10000",
		"offsets.topic.num.partitions": "11", cluster.SegmentBytesKey: fmt.Sprint(3 << 18),
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestGroupConfigChanges: the rules are read once for each image, and a change is
// not missed.
func TestGroupConfigChanges(t *testing.T) {
	meta, err := cluster.Open(vfs.NewMem(), "data", cluster.Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := meta.Close(); err != nil {
			t.Error(err)
		}
	}()
	rules := groupRules{resolver: cluster.NewResolver(nil), meta: meta}
	first := rules.config().Shards
	if n := testing.AllocsPerRun(100, func() { rules.config() }); n != 0 {
		t.Errorf("%v allocations for the same rules as before", n)
	}
	// How many partitions the topic has is of the image, too.
	if res := meta.CreateTopics([]cluster.TopicSpec{{Name: cluster.OffsetsTopic, Partitions: 3}}); res[0].Err != nil {
		t.Fatal(res[0].Err)
	}
	if now := rules.config().Shards; first == 3 || now != 3 {
		t.Errorf("%d shards, then %d", first, now)
	}
}
