package franzgo

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestTopicLifecycle: topics are created, described, grown and deleted, by name and by id.
func TestTopicLifecycle(t *testing.T) {
	ctx, adm := testContext(t), admin(t)
	name := shared.Name(t)
	created, err := adm.CreateTopic(ctx, 3, 1, map[string]*string{"retention.ms": kadm.StringPtr("3600000")}, name)
	if err != nil {
		t.Fatal(err)
	}
	if created.NumPartitions != 3 || created.ReplicationFactor != 1 || created.ID == (kadm.TopicID{}) {
		t.Errorf("created %+v, want 3 partitions, one replica, an id", created)
	}
	if c := created.Configs["retention.ms"]; c.MaybeValue() != "3600000" {
		t.Errorf("created with retention.ms %q", c.MaybeValue())
	}
	if _, err := adm.CreateTopic(ctx, 3, 1, nil, name); !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Errorf("create again: %v, want TOPIC_ALREADY_EXISTS", err)
	}
	topics, err := adm.ListTopics(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	listed := topics[name]
	if listed.ID != created.ID || listed.IsInternal || len(listed.Partitions) != 3 {
		t.Errorf("listed %+v", listed)
	}
	for _, p := range listed.Partitions {
		if p.Err != nil || p.Leader < 0 || len(p.Replicas) != 1 || len(p.ISR) != 1 || len(p.OfflineReplicas) != 0 {
			t.Errorf("partition %+v", p)
		}
	}
	if resp, err := adm.CreatePartitions(ctx, 2, name); err != nil || resp[name].Err != nil {
		t.Errorf("two more partitions: %v %v", err, resp[name].Err)
	}
	testbroker.Eventually(t, 5*time.Second, func() error {
		topics, err := admin(t).ListTopics(ctx, name)
		if err != nil || len(topics[name].Partitions) != 5 {
			return fmt.Errorf("%d partitions, want 5: %w", len(topics[name].Partitions), err)
		}
		return nil
	})
	if resp, err := adm.UpdatePartitions(ctx, 2, name); err != nil || !errors.Is(resp[name].Err, kerr.InvalidPartitions) {
		t.Errorf("fewer partitions: %v %v, want INVALID_PARTITIONS", err, resp[name].Err)
	}
	if resp, err := adm.DeleteTopic(ctx, name); err != nil || resp.Err != nil {
		t.Fatalf("delete: %v %v", err, resp.Err)
	}
	if _, err := adm.DeleteTopic(ctx, name); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("delete again: %v, want UNKNOWN_TOPIC_OR_PARTITION", err)
	}
	again, err := adm.CreateTopic(ctx, 1, 1, nil, name)
	if err != nil || again.ID == created.ID {
		t.Errorf("create anew: %v, id %v as before", err, again.ID)
	}
	resp, err := deleteByID(t, again.ID)
	if err != nil || resp.ErrorCode != 0 || resp.Topic == nil || *resp.Topic != name {
		t.Errorf("delete by id: %+v %v", resp, err)
	}
}

func deleteByID(t *testing.T, id kadm.TopicID) (kmsg.DeleteTopicsResponseTopic, error) {
	t.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = 5000
	one := kmsg.NewDeleteTopicsRequestTopic()
	one.TopicID = id
	req.Topics = append(req.Topics, one)
	resp, err := req.RequestWith(testContext(t), client(t))
	if err != nil {
		return kmsg.DeleteTopicsResponseTopic{}, err
	}
	return resp.Topics[0], nil
}

// TestCreateTopicErrors: a topic that cannot be is refused with its reason.
func TestCreateTopicErrors(t *testing.T) {
	ctx, adm := testContext(t), admin(t)
	cases := []struct {
		what, name string
		partitions int32
		replicas   int16
		configs    map[string]*string
		want       error
	}{
		{"slash", "a/b", 1, 1, nil, kerr.InvalidTopicException},
		{"dots", "..", 1, 1, nil, kerr.InvalidTopicException},
		{"long", strings.Repeat("x", 250), 1, 1, nil, kerr.InvalidTopicException},
		{"none", shared.Name(t), 0, 1, nil, kerr.InvalidPartitions},
		{"replicas", shared.Name(t), 1, 3, nil, kerr.InvalidReplicationFactor},
		{"value", shared.Name(t), 1, 1, map[string]*string{"retention.ms": kadm.StringPtr("soon")}, kerr.InvalidConfig},
		{"name", shared.Name(t), 1, 1, map[string]*string{"retention.mss": kadm.StringPtr("1")}, kerr.InvalidConfig},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			got, err := adm.CreateTopic(ctx, c.partitions, c.replicas, c.configs, c.name)
			if !errors.Is(err, c.want) || got.ErrMessage == "" {
				t.Errorf("%v %q, want %v with a message", err, got.ErrMessage, c.want)
			}
		})
	}
	if got, err := adm.ValidateCreateTopics(ctx, 2, 1, nil, shared.Name(t)); err != nil || len(got) != 1 {
		t.Errorf("validate only: %v %v", got, err)
	}
	if got, err := adm.CreateTopic(ctx, -1, -1, nil, shared.Name(t)); err != nil || got.NumPartitions != 1 {
		t.Errorf("defaults: %v %+v, want one partition", err, got)
	}
}

// TestTopicConfigs: topics' settings are described and altered, incrementally and not.
func TestTopicConfigs(t *testing.T) {
	name := topic(t, 1, map[string]string{"retention.ms": "1000000", "cleanup.policy": "delete"})
	ctx, adm := testContext(t), admin(t)
	read := func(key string) kadm.Config {
		t.Helper()
		rcs, err := adm.DescribeTopicConfigs(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		rc, err := rcs.On(name, nil)
		if err != nil || rc.Err != nil {
			t.Fatal(err, rc.Err)
		}
		for _, c := range rc.Configs {
			if c.Key == key {
				return c
			}
		}
		t.Fatalf("no config %s among %d", key, len(rc.Configs))
		return kadm.Config{}
	}
	if c := read("retention.ms"); c.MaybeValue() != "1000000" || c.Source != kmsg.ConfigSourceDynamicTopicConfig || len(c.Synonyms) == 0 {
		t.Errorf("retention.ms %+v", c)
	}
	if c := read("max.message.bytes"); c.MaybeValue() != "1048588" || c.Source != kmsg.ConfigSourceDefaultConfig {
		t.Errorf("max.message.bytes %+v", c)
	}
	alter := func(op kadm.IncrementalOp, key, value string) error {
		t.Helper()
		resp, err := adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: op, Name: key, Value: &value}}, name)
		if err != nil {
			t.Fatal(err)
		}
		return resp[0].Err
	}
	steps := []struct {
		op              kadm.IncrementalOp
		key, value, now string
	}{
		{kadm.SetConfig, "retention.ms", "7200000", "7200000"},
		{kadm.DeleteConfig, "retention.ms", "", "604800000"},
		{kadm.AppendConfig, "cleanup.policy", "compact", "delete,compact"},
		{kadm.SubtractConfig, "cleanup.policy", "compact", "delete"},
	}
	for _, s := range steps {
		if err := alter(s.op, s.key, s.value); err != nil {
			t.Fatalf("%v %s: %v", s.op, s.key, err)
		}
		testbroker.Eventually(t, 5*time.Second, func() error {
			if c := read(s.key); c.MaybeValue() != s.now {
				return fmt.Errorf("%v %s gives %q, want %q", s.op, s.key, c.MaybeValue(), s.now)
			}
			return nil
		})
	}
	for key, value := range map[string]string{"retention.ms": "x", "no.such.key": "1", "cleanup.policy": "burn", "min.insync.replicas": "0"} {
		if err := alter(kadm.SetConfig, key, value); !errors.Is(err, kerr.InvalidConfig) {
			t.Errorf("set %s=%s: %v, want INVALID_CONFIG", key, value, err)
		}
	}
	if err := alter(kadm.AppendConfig, "retention.ms", "1"); !errors.Is(err, kerr.InvalidConfig) {
		t.Errorf("append to a number: %v, want INVALID_CONFIG", err)
	}
	// The old call replaces all.
	if resp, err := adm.AlterTopicConfigsState(ctx, []kadm.AlterConfig{{Name: "max.message.bytes", Value: kadm.StringPtr("2000000")}}, name); err != nil || resp[0].Err != nil {
		t.Fatalf("AlterConfigs: %v %v", err, resp)
	}
	testbroker.Eventually(t, 5*time.Second, func() error {
		if c := read("max.message.bytes"); c.MaybeValue() != "2000000" {
			return fmt.Errorf("max.message.bytes %+v", c)
		}
		return nil
	})
}

// TestBrokerConfigs: brokers' settings are described and altered.
func TestBrokerConfigs(t *testing.T) {
	ctx, adm := testContext(t), admin(t)
	meta, err := adm.BrokerMetadata(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rcs, err := adm.DescribeBrokerConfigs(ctx, meta.Brokers[0].NodeID)
	if err != nil || len(rcs) != 1 || rcs[0].Err != nil {
		t.Fatal(err, rcs)
	}
	seen := map[string]kadm.Config{}
	for _, c := range rcs[0].Configs {
		seen[c.Key] = c
	}
	for _, key := range []string{"num.partitions", "log.retention.hours", "message.max.bytes", "auto.create.topics.enable", "listeners"} {
		if _, ok := seen[key]; !ok {
			t.Errorf("no %s among %d broker configs", key, len(seen))
		}
	}
	set := func(op kadm.IncrementalOp, value string) {
		t.Helper()
		resp, err := adm.AlterBrokerConfigs(ctx, []kadm.AlterConfig{{Op: op, Name: "message.max.bytes", Value: &value}})
		if err != nil || resp[0].Err != nil {
			t.Fatalf("alter the cluster's message.max.bytes: %v %v", err, resp)
		}
	}
	name := topic(t, 1, nil)
	read := func(want string) {
		t.Helper()
		testbroker.Eventually(t, 5*time.Second, func() error {
			rcs, err := adm.DescribeTopicConfigs(ctx, name)
			if err != nil {
				return err
			}
			for _, c := range rcs[0].Configs {
				if c.Key == "max.message.bytes" && c.MaybeValue() == want {
					return nil
				}
			}
			return fmt.Errorf("the topic does not follow to %s", want)
		})
	}
	set(kadm.SetConfig, "1500000")
	read("1500000")
	set(kadm.DeleteConfig, "")
	read("1048588")
}

// TestOffsetsAndSeek: offsets by time, at both ends and by seek.
func TestOffsetsAndSeek(t *testing.T) {
	name := topic(t, 1, nil)
	ctx, adm := testContext(t), admin(t)
	base := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	cl := client(t)
	for i := range 10 {
		produce(t, cl, &kgo.Record{Topic: name, Value: numbered("", i), Timestamp: base.Add(time.Duration(i) * time.Second)})
	}
	at := func(what string, list kadm.ListedOffsets, err error, want int64) {
		t.Helper()
		o, ok := list.Lookup(name, 0)
		if err != nil || !ok || o.Err != nil || o.Offset != want {
			t.Errorf("%s: %+v %v, want %d", what, o, err, want)
		}
	}
	l, err := adm.ListStartOffsets(ctx, name)
	at("earliest", l, err, 0)
	l, err = adm.ListEndOffsets(ctx, name)
	at("latest", l, err, 10)
	l, err = adm.ListCommittedOffsets(ctx, name)
	at("committed", l, err, 10)
	l, err = adm.ListOffsetsAfterMilli(ctx, base.Add(3*time.Second).UnixMilli(), name)
	at("time of the fourth", l, err, 3)
	l, err = adm.ListOffsetsAfterMilli(ctx, base.Add(3500*time.Millisecond).UnixMilli(), name)
	at("between two", l, err, 4)
	l, err = adm.ListMaxTimestampOffsets(ctx, name)
	at("max timestamp", l, err, 9)

	deleted, err := adm.DeleteRecords(ctx, kadm.Offsets{name: {0: {Topic: name, At: 4}}})
	if d, ok := deleted.Lookup(name, 0); err != nil || !ok || d.Err != nil || d.LowWatermark != 4 {
		t.Errorf("delete records below 4: %+v %v", d, err)
	}
	l, err = adm.ListStartOffsets(ctx, name)
	at("earliest after delete", l, err, 4)
	deleted, err = adm.DeleteRecords(ctx, kadm.Offsets{name: {0: {Topic: name, At: 11}}})
	if d, _ := deleted.Lookup(name, 0); err != nil || !errors.Is(d.Err, kerr.OffsetOutOfRange) {
		t.Errorf("delete beyond the end: %+v %v, want OFFSET_OUT_OF_RANGE", d, err)
	}

	starts := map[string]struct {
		at   kgo.Offset
		want int64
	}{
		"start":    {kgo.NewOffset().AtStart(), 4},
		"exact":    {kgo.NewOffset().At(6), 6},
		"relative": {kgo.NewOffset().AtEnd().Relative(-2), 8},
		"time":     {kgo.NewOffset().AfterMilli(base.Add(7 * time.Second).UnixMilli()), 7},
	}
	for what, s := range starts {
		c := client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: {0: s.at}}))
		if got := poll(t, c, 10-int(s.want))[0].Offset; got != s.want {
			t.Errorf("consume from %s: %d, want %d", what, got, s.want)
		}
	}
	// Seek back in a running consumer.
	c := client(t, kgo.ConsumeTopics(name))
	poll(t, c, 6)
	c.SetOffsets(map[string]map[int32]kgo.EpochOffset{name: {0: {Epoch: -1, Offset: 5}}})
	if got := poll(t, c, 5)[0].Offset; got != 5 {
		t.Errorf("after a seek: %d, want 5", got)
	}
}

// TestClusterAndLogDirs: the cluster and its log directories are described.
func TestClusterAndLogDirs(t *testing.T) {
	name := topic(t, 2, nil)
	produce(t, client(t), &kgo.Record{Topic: name, Value: make([]byte, 5000)})
	ctx := testContext(t)
	cl := client(t)
	cluster, err := kmsg.NewPtrDescribeClusterRequest().RequestWith(ctx, cl)
	if err != nil || cluster.ErrorCode != 0 || cluster.ClusterID == "" || len(cluster.Brokers) != 1 || cluster.ControllerID != cluster.Brokers[0].NodeID {
		t.Fatalf("cluster %+v %v", cluster, err)
	}
	var set kadm.TopicsSet
	set.Add(name, 0, 1)
	dirs, err := kadm.NewClient(cl).DescribeAllLogDirs(ctx, set)
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	partitions := 0
	dirs.Each(func(d kadm.DescribedLogDir) {
		if d.Err != nil || d.Dir == "" {
			t.Errorf("directory %+v", d)
		}
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			partitions++
			total += p.Size
		})
	})
	if partitions != 2 || total < 50 {
		t.Errorf("%d partitions with %d bytes, want 2 and some", partitions, total)
	}
}

// TestDescribeTopicPartitions: partitions are described page by page.
func TestDescribeTopicPartitions(t *testing.T) {
	name := topic(t, 5, nil)
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	one := kmsg.NewDescribeTopicPartitionsRequestTopic()
	one.Topic = name
	req.Topics = append(req.Topics, one)
	req.ResponsePartitionLimit = 3
	resp, err := req.RequestWith(testContext(t), client(t))
	if err != nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 3 || resp.NextCursor == nil {
		t.Fatalf("%+v %v, want 3 partitions and a cursor", resp, err)
	}
	cursor := kmsg.NewDescribeTopicPartitionsRequestCursor()
	req.Cursor = &cursor
	req.Cursor.Topic, req.Cursor.Partition = resp.NextCursor.Topic, resp.NextCursor.Partition
	resp, err = req.RequestWith(testContext(t), client(t))
	if err != nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 2 || resp.NextCursor != nil {
		t.Fatalf("%+v %v, want the other 2 and no cursor", resp, err)
	}
}

// TestMetadataOfUnknown: metadata of unknown names and ids.
func TestMetadataOfUnknown(t *testing.T) {
	ctx := testContext(t)
	req := kmsg.NewPtrMetadataRequest()
	byName, byID := kmsg.NewMetadataRequestTopic(), kmsg.NewMetadataRequestTopic()
	byName.Topic = kmsg.StringPtr(shared.Name(t))
	byID.TopicID = [16]byte{1, 2, 3}
	for what, c := range map[string]struct {
		topic kmsg.MetadataRequestTopic
		want  error
	}{"name": {byName, kerr.UnknownTopicOrPartition}, "id": {byID, kerr.UnknownTopicID}} {
		req.Topics = []kmsg.MetadataRequestTopic{c.topic}
		resp, err := req.RequestWith(ctx, client(t))
		if err != nil || len(resp.Topics) != 1 || !errors.Is(kerr.ErrorForCode(resp.Topics[0].ErrorCode), c.want) {
			t.Errorf("%s: %+v %v, want %v", what, resp.Topics, err, c.want)
		}
	}
}

// With a fetch session (the default) and without one the same comes, while
// other partitions of the session stay silent.
func TestFetchSessions(t *testing.T) {
	const partitions = 20
	name := topic(t, partitions, nil)
	cl := client(t, manual()...)
	with := client(t, kgo.ConsumeTopics(name))
	without := client(t, kgo.ConsumeTopics(name), kgo.DisableFetchSessions())
	for round := range 20 {
		p := int32(round*7) % partitions
		produce(t, cl, values(name, p, fmt.Sprintf("%d:", round), 3)...)
		for what, c := range map[string]*kgo.Client{"with": with, "without": without} {
			for i, r := range poll(t, c, 3) {
				if want := string(numbered(fmt.Sprintf("%d:", round), i)); r.Partition != p || string(r.Value) != want {
					t.Fatalf("%s a session, round %d: %d %q, want %d %q", what, round, r.Partition, r.Value, p, want)
				}
			}
		}
	}
}
