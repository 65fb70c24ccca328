package server_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/protocol/legacy"
)

// messageSets are what producers of Java 0.8.2 to 0.10.2 made.
func messageSets(tb testing.TB) map[string][]byte {
	tb.Helper()
	text, err := os.ReadFile("../protocol/legacy/testdata/producers.txt")
	must(tb, err)
	all := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), ": ")
		all[name], err = hex.DecodeString(digits)
		must(tb, err)
	}
	return all
}

// oldSet is a set of uncompressed messages of magic 1.
func oldSet(tb testing.TB, values ...string) []byte {
	tb.Helper()
	raw := batchOf(tb, values...)
	h, err := batch.Parse(raw)
	must(tb, err)
	d := legacy.Down{Magic: 1, BytesMax: 1 << 20}
	set, _, err := d.Append(nil, &batch.Batch{Header: h, Bytes: raw})
	must(tb, err)
	return set
}

// oldValues lists the values in a fetched message set; it must be in the format of
// the version.
func oldValues(tb testing.TB, version int16, set []byte) []string {
	tb.Helper()
	if len(set) == 0 {
		return nil
	}
	if want := version / 2; int16(set[16]) != want {
		tb.Fatalf("version %d is answered with magic %d", version, set[16])
	}
	made, err := legacy.Up(set, legacy.Limits{Batch: 64 << 20, Records: 64 << 20})
	must(tb, err)
	return valuesOf(tb, made)
}

// fetchOld asks for a partition's messages as an old client does.
func (c *client) fetchOld(version int16, topic string, from int64, most int32) kmsg.FetchResponseTopicPartition {
	c.tb.Helper()
	req := fetchRequest(topic, 0, from)
	req.Topics[0].Partitions[0].PartitionMaxBytes = most
	return ask[*kmsg.FetchResponse](c, version, req).Topics[0].Partitions[0]
}

// TestOldProducers: what old producers send is stored, and read by clients of all
// times.
func TestOldProducers(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	want := []string{"v0", "v1", "", "", string(make([]byte, 1000))}
	for name, set := range messageSets(t) {
		topic := strings.NewReplacer(" ", "-", ".", "_").Replace(name)
		c.createTopic(topic, 1)
		versions := []int16{0, 1}
		if strings.Contains(name, "magic 1") {
			versions = []int16{2}
		}
		var all []string
		for i, version := range versions {
			p := ask[*kmsg.ProduceResponse](c, version, produceRequest(topic, 0, -1, set)).Topics[0].Partitions[0]
			if p.ErrorCode != 0 || p.BaseOffset != int64(5*i) {
				t.Fatalf("%s, v%d: %+v", name, version, p)
			}
			all = append(all, want...)
		}
		now := ask[*kmsg.FetchResponse](c, 12, fetchRequest(topic, 0, 0)).Topics[0].Partitions[0]
		if d := cmp.Diff(all, valuesOf(t, now.RecordBatches)); d != "" {
			t.Errorf("%s, read in v12 (-want +got)\n%s", name, d)
		}
		for version := range int16(4) {
			if d := cmp.Diff(all, oldValues(t, version, c.fetchOld(version, topic, 0, 1<<20).RecordBatches)); d != "" {
				t.Errorf("%s, read in v%d (-want +got)\n%s", name, version, d)
			}
		}
	}
}

// TestOldProduceTimestamps: the topic's kind of timestamp is obeyed, and a message
// without one has none.
func TestOldProduceTimestamps(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("create", 1)
	c.createTopic("append", 1, "message.timestamp.type", "LogAppendTime")
	sets := messageSets(t)
	for _, x := range []struct {
		topic, set string
		version    int16
		stamped    bool
		latest     int64
	}{
		{"create", "0.10.2.2 magic 1 gzip", 2, false, 1_500_000_000_005},
		{"create", "0.8.2.2 magic 0 gzip", 0, false, -1},
		{"append", "0.10.2.2 magic 1 gzip", 2, true, 0},
		{"append", "0.8.2.2 magic 0 none", 1, true, 0},
	} {
		p := ask[*kmsg.ProduceResponse](c, x.version, produceRequest(x.topic, 0, 1, sets[x.set])).Topics[0].Partitions[0]
		if p.ErrorCode != 0 || x.version >= 2 && p.LogAppendTime > 0 != x.stamped {
			t.Errorf("%s into %s: %+v", x.set, x.topic, p)
		}
		raw := ask[*kmsg.FetchResponse](c, 12, fetchRequest(x.topic, 0, p.BaseOffset)).Topics[0].Partitions[0].RecordBatches
		h, err := batch.Parse(raw)
		must(t, err)
		if h.LogAppendTime() != x.stamped || !x.stamped && h.MaxTimestamp != x.latest || x.stamped && h.MaxTimestamp < 1_600_000_000_000 {
			t.Errorf("%s into %s: %+v", x.set, x.topic, h)
		}
	}
}

// TestOldProduceErrors: every mistake has its code, in all versions.
func TestOldProduceErrors(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	c.createTopic("small", 1, "max.message.bytes", "100")
	c.createTopic("compacted", 1, "cleanup.policy", "compact")
	good := oldSet(t, "v")
	damaged := append([]byte(nil), good...)
	damaged[len(damaged)-1] ^= 1
	zstd := batch.NewBuilder(batch.Zstd)
	zstd.Add(1, nil, nil)
	zstdBatch, err := zstd.Build(nil)
	must(t, err)
	for _, x := range []struct {
		name, topic string
		records     []byte
		code        protocol.ErrorCode
	}{
		{"fine", "t", good, 0},
		{"a batch, which Kafka takes too", "t", batchOf(t, "v"), 0},
		{"a batch of zstd", "t", zstdBatch, protocol.UnsupportedCompressionType},
		{"damaged", "t", damaged, protocol.CorruptMessage},
		{"cut off", "t", append(append([]byte(nil), good...), good[:20]...), protocol.InvalidRecord},
		{"nothing", "t", nil, protocol.InvalidRecord},
		{"too large", "small", oldSet(t, strings.Repeat("x", 300)), protocol.MessageTooLarge},
		{"no topic", "x", good, protocol.UnknownTopicOrPartition},
		{"without a key", "compacted", messageSets(t)["0.10.2.2 magic 1 lz4"], protocol.InvalidRecord},
	} {
		for version := range int16(3) {
			p := ask[*kmsg.ProduceResponse](c, version, produceRequest(x.topic, 0, 1, x.records)).Topics[0].Partitions[0]
			if got := protocol.ErrorCode(p.ErrorCode); got != x.code || x.code != 0 && p.BaseOffset != -1 {
				t.Errorf("%s, v%d: %s, expected %s; offset %d", x.name, version, got, x.code, p.BaseOffset)
			}
		}
	}
	silent := produceRequest("t", 0, 0, good)
	silent.SetVersion(1)
	c.send(silent)
	if got := c.produce("t", 0, "loud"); got.ErrorCode != 0 || got.BaseOffset != 7 {
		t.Errorf("behind one with acks=0: %+v", got)
	}
	bad := produceRequest("t", 0, 0, damaged)
	bad.SetVersion(1)
	c.send(bad)
	c.closed()
}

// TestOldCodes: clients from before KAFKA_STORAGE_ERROR are told to look for the
// leader, so that they try again.
func TestOldCodes(t *testing.T) {
	b := startBroker(t, options{refusal: func() *protocol.Error {
		return protocol.Errorf(protocol.KafkaStorageError, "the disk is full")
	}})
	c := b.dial()
	c.createTopic("t", 1)
	for version, want := range map[int16]protocol.ErrorCode{2: protocol.NotLeaderOrFollower, 3: protocol.NotLeaderOrFollower, 4: protocol.KafkaStorageError} {
		p := ask[*kmsg.ProduceResponse](c, version, produceRequest("t", 0, 1, batchOf(t, "v"))).Topics[0].Partitions[0]
		if got := protocol.ErrorCode(p.ErrorCode); got != want {
			t.Errorf("v%d: %s, expected %s", version, got, want)
		}
	}
}

// TestOldOffsets is what clients of the first versions ask about offsets.
func TestOldOffsets(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 1)
	c.produce("t", 0, "a", "b", "c")
	list := func(at int64, most int32) []int64 {
		req := kmsg.NewPtrListOffsetsRequest()
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Timestamp, p.MaxNumOffsets = at, most
		req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "t", Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
		got := ask[*kmsg.ListOffsetsResponse](c, 0, req).Topics[0].Partitions[0]
		if got.ErrorCode != 0 {
			t.Errorf("offsets at %d: %s", at, protocol.ErrorCode(got.ErrorCode))
		}
		return got.OldStyleOffsets
	}
	for _, x := range []struct {
		at   int64
		most int32
		want []int64
	}{
		{-1, 1, []int64{3}},
		{-1, 9, []int64{3, 0}},
		{-2, 9, []int64{0}},
		{1_700_000_000_001, 9, []int64{3, 0}},
		{1_600_000_000_000, 1, []int64{0}},
		{-1, 0, nil},
		{-1, -1, nil},
	} {
		if d := cmp.Diff(x.want, list(x.at, x.most)); d != "" {
			t.Errorf("at %d, %d of them (-want +got)\n%s", x.at, x.most, d)
		}
	}

	// Nobody has asked for a coordinator: v0 knows of none.
	commit := func(version int16, topic string, offset int64) protocol.ErrorCode {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Group, req.Generation = "g", -1
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Offset = offset
		req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
		return protocol.ErrorCode(ask[*kmsg.OffsetCommitResponse](c, version, req).Topics[0].Partitions[0].ErrorCode)
	}
	fetch := func(version int16, topic string) kmsg.OffsetFetchResponseTopicPartition {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Group = "g"
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: topic, Partitions: []int32{0}}}
		return ask[*kmsg.OffsetFetchResponse](c, version, req).Topics[0].Partitions[0]
	}
	for version := range int16(2) {
		offset := int64(version) + 1
		if code := commit(version, "t", offset); code != 0 {
			t.Errorf("commit v%d: %s", version, code)
		}
		if code := commit(version, "x", offset); code != protocol.UnknownTopicOrPartition {
			t.Errorf("commit v%d of no topic: %s", version, code)
		}
		for reads := range int16(2) {
			if got := fetch(reads, "t"); got.Offset != offset || got.ErrorCode != 0 {
				t.Errorf("committed by v%d, read by v%d: %+v", version, reads, got)
			}
		}
	}
	if got := fetch(0, "x"); got.Offset != -1 || protocol.ErrorCode(got.ErrorCode) != protocol.UnknownTopicOrPartition {
		t.Errorf("never committed, v0: %+v", got)
	}
	if got := fetch(1, "x"); got.Offset != -1 || got.ErrorCode != 0 {
		t.Errorf("never committed, v1: %+v", got)
	}
}

// TestOldAdmin makes, describes and deletes a topic as the first admin clients do.
func TestOldAdmin(t *testing.T) {
	c := startBroker(t, options{}).dial()
	value := "1000"
	for version := range int16(2) {
		create := kmsg.NewPtrCreateTopicsRequest()
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", 2, 1
		topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: &value}}
		create.Topics = append(create.Topics, topic)
		if got := ask[*kmsg.CreateTopicsResponse](c, version, create).Topics[0]; got.ErrorCode != 0 {
			t.Fatalf("v%d: %+v", version, got)
		}
		describe := kmsg.NewPtrDescribeConfigsRequest()
		describe.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t"}}
		isDefault := map[string]bool{}
		for _, cfg := range ask[*kmsg.DescribeConfigsResponse](c, 0, describe).Resources[0].Configs {
			isDefault[cfg.Name] = cfg.IsDefault
		}
		if isDefault["retention.ms"] || !isDefault["cleanup.policy"] {
			t.Errorf("defaults: %v", isDefault)
		}
		remove := kmsg.NewPtrDeleteTopicsRequest()
		remove.TopicNames = []string{"t"}
		if got := ask[*kmsg.DeleteTopicsResponse](c, 0, remove).Topics[0]; got.ErrorCode != 0 {
			t.Fatalf("%+v", got)
		}
	}
}
