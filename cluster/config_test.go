package cluster

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
)

func TestTopicConfigValues(t *testing.T) {
	r := NewResolver(nil)
	for _, c := range []struct {
		key, value string
		want       string // part of the error; "" for accepted
	}{
		{"cleanup.policy", "delete", ""},
		{"cleanup.policy", "compact, delete", ""},
		{"cleanup.policy", "", ""},
		{"cleanup.policy", "Compact", "must be a list of compact, delete"},
		{"cleanup.policy", "delete,", "must be"},
		{"compression.type", "producer", ""},
		{"compression.type", "zstd", "does not recompress"},
		{"compression.type", "uncompressed", "does not recompress"},
		{"compression.type", "GZIP", "must be one of"},
		{"compression.gzip.level", "0", "between 1 and 9, or -1"},
		{"compression.gzip.level", "9", ""},
		{"retention.ms", "-1", ""},
		{"retention.ms", "-2", "at least -1"},
		{"retention.ms", "", "must be a whole number"},
		{"retention.bytes", "-5", ""},
		{"retention.bytes", "1g", "it counts bytes, without a suffix"},
		{"max.message.bytes", " 12 ", ""},
		{"max.message.bytes", "abc", "must be a whole number"},
		{"max.message.bytes", "3000000000", "at most 2147483647"},
		{"max.message.bytes", "268435456", "must fit a segment of the log, so at most 268369920"},
		{"min.cleanable.dirty.ratio", "2", "between 0 and 1"},
		{"min.cleanable.dirty.ratio", "0.25", ""},
		{"mainstem.import.source", "4L6g3nShT-eMCtK--X86sw/orders", ""},
		{"mainstem.import.source", "", "without spaces"},
		{"mainstem.import.source", "a b", "without spaces"},
		{"preallocate", "TRUE", ""},
		{"preallocate", "yes", "true or false"},
		{"segment.bytes", "100", "at least 1048576"},
		{"segment.bytes", "52428800", ""},
		{"internal.segment.bytes", "100", ""},
		{"message.timestamp.type", "createtime", "one of CreateTime, LogAppendTime"},
		{"follower.replication.throttled.replicas", "*", ""},
		{"follower.replication.throttled.replicas", "0:1,1:2", ""},
		{"follower.replication.throttled.replicas", "x", "partition:broker"},
		{"remote.storage.enable", "false", ""},
		{"remote.storage.enable", "true", "no tiered storage"},
		{"max.compaction.lag.ms", "0", "at least 1"},
		{"retention.mss", "1", "did you mean retention.ms?"},
		{"something.else.entirely", "1", `Unknown topic config "something.else.entirely".`},
	} {
		err := r.ValidateTopicConfigs(map[string]string{c.key: c.value})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s=%q: %v", c.key, c.value, err)
		case c.want != "" && err == nil:
			t.Errorf("%s=%q was accepted", c.key, c.value)
		case c.want != "" && (!strings.Contains(err.Error(), c.want) || protocol.CodeOf(err) != protocol.InvalidConfig):
			t.Errorf("%s=%q: %v", c.key, c.value, err)
		}
	}
}

func TestContradictingCompactionLags(t *testing.T) {
	r := NewResolver(nil)
	err := r.ValidateTopicConfigs(map[string]string{"min.compaction.lag.ms": "100", "max.compaction.lag.ms": "50"})
	if protocol.CodeOf(err) != protocol.InvalidConfig {
		t.Fatal(err)
	}
}

// The definitions are data; this holds them against their own rules.
func TestDefinitionsAreSound(t *testing.T) {
	for noun, defs := range map[string]*defSet{"topic": topicDefs(), "broker": brokerDefs(), "group": groupDefs()} {
		if len(defs.byName) != len(defs.list) {
			t.Errorf("a %s config is defined twice", noun)
		}
		for _, d := range defs.list {
			if !d.Null {
				if err := d.check(d.Default, Limits{SegmentBytes: 256 << 20}); err != nil {
					t.Errorf("the default: %v", err)
				}
			}
			if d.Doc == "" || !strings.HasSuffix(d.Doc, ".") {
				t.Errorf("%s %s: documentation %q", noun, d.Name, d.Doc)
			}
			for _, u := range d.Synonyms {
				if _, ok := brokerDefs().byName[u.Name]; !ok {
					t.Errorf("%s %s: synonym %s is not defined", noun, d.Name, u.Name)
				}
			}
			if isMeaningless(d.Name) {
				t.Errorf("%s %s has a meaning", noun, d.Name)
			}
		}
	}
	// Every topic config of Kafka 4.2, and no other but our own.
	kafkas := 0
	for _, d := range topicDefs().list {
		if !strings.HasPrefix(d.Name, "mainstem.") {
			kafkas++
		}
	}
	if kafkas != 34 {
		t.Errorf("%d topic configs", kafkas)
	}
}

// A topic's default comes from the broker setting of the same meaning.
func TestDefaultsAgree(t *testing.T) {
	r := NewResolver(nil)
	for _, v := range r.DescribeTopicConfigs(&Image{}, nil) {
		switch {
		case v.Value == nil && !v.Def.Null:
			t.Errorf("%s has no value", v.Def.Name)
		case v.Value != nil && *v.Value != v.Def.Default:
			t.Errorf("%s: %s by the broker's settings, %s by its own", v.Def.Name, *v.Value, v.Def.Default)
		}
	}
}

func describe(values []ConfigValue, key string) string {
	for _, v := range values {
		if v.Def.Name != key {
			continue
		}
		value := "null"
		if v.Value != nil {
			value = *v.Value
		}
		out := fmt.Sprintf("%s source=%d", value, v.Source)
		for _, s := range v.Synonyms {
			out += fmt.Sprintf(" %s=%s(%d)", s.Name, s.Value, s.Source)
		}
		return out
	}
	return "absent"
}

func TestWhereAValueComesFrom(t *testing.T) {
	j := open(t, vfs.NewMem(), Options{NodeID: 1})
	topic := mustCreate(t, j, "t", 1)
	r := NewResolver(map[string]string{"log.retention.hours": "24"})
	set := func(res Resource, key, value string) {
		t.Helper()
		if err := j.AlterConfigs(res, []ConfigChange{{key, &value}}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string, wantMs int64) {
		t.Helper()
		img := j.Image()
		topic, _ = img.Topic("t")
		if got := describe(r.DescribeTopic(img, topic), "retention.ms"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := r.TopicSettings(img, topic).RetentionMs; got != wantMs {
			t.Errorf("settings say %d, want %d", got, wantMs)
		}
	}
	const static = " log.retention.hours=24(4) log.retention.hours=168(5)"
	check("86400000 source=4"+static, 86_400_000)
	set(Resource{ResourceBroker, ""}, "log.retention.ms", "5000")
	check("5000 source=3 log.retention.ms=5000(3)"+static, 5000)
	set(Resource{ResourceBroker, "1"}, "log.retention.ms", "6000")
	check("6000 source=2 log.retention.ms=6000(2) log.retention.ms=5000(3)"+static, 6000)
	set(Resource{ResourceTopic, "t"}, "retention.ms", "-1")
	check("-1 source=1 retention.ms=-1(1) log.retention.ms=6000(2) log.retention.ms=5000(3)"+static, -1)
	broker := r.DescribeBroker(j.Image())
	if got := describe(broker, "log.retention.hours"); got != "24 source=4"+static {
		t.Error(got)
	}
	if got := describe(broker, "log.retention.minutes"); got != "null source=5" {
		t.Error(got)
	}
}

func TestFlushPolicy(t *testing.T) {
	for _, c := range []struct {
		static, topic map[string]string
		internal      bool
		sync          bool
	}{
		{sync: true},
		{topic: map[string]string{"flush.messages": "1000"}, sync: false},
		{topic: map[string]string{"flush.ms": "100"}, sync: false},
		{topic: map[string]string{"flush.ms": "100", "flush.messages": "1"}, sync: true},
		{static: map[string]string{"log.flush.interval.messages": "1"}, topic: map[string]string{"flush.ms": "100"}, sync: false},
		{static: map[string]string{"log.flush.interval.messages": "10"}, sync: false},
		{static: map[string]string{"log.flush.interval.messages": "10"}, internal: true, sync: true},
		{static: map[string]string{"log.flush.interval.messages": "10"}, topic: map[string]string{"flush.messages": "1"}, sync: true},
		{static: map[string]string{"log.flush.interval.ms": "50"}, sync: false},
	} {
		topic := &Topic{Name: "t", Configs: c.topic, Internal: c.internal}
		if got := NewResolver(c.static).TopicSettings(&Image{}, topic); got.Sync != c.sync {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func TestDiskExempt(t *testing.T) {
	for value, want := range map[string]bool{"": false, "false": false, "TRUE": true, "true": true} {
		topic := &Topic{Name: "t"}
		if value != "" {
			topic.Configs = map[string]string{DiskExemptKey: value}
		}
		if got := NewResolver(nil).TopicSettings(&Image{}, topic).DiskExempt; got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

// Records of an internal topic are state: none of them goes by age or size,
// whatever is asked for, or was stored before it was refused.
func TestInternalTopicStaysCompacted(t *testing.T) {
	j, err := Open(vfs.NewMem(), "/", Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := NewResolver(nil)
	j.CreateTopics([]TopicSpec{{Name: OffsetsTopic, Partitions: 1, Internal: true, Configs: map[string]string{"cleanup.policy": "compact"}}})
	res := Resource{ResourceTopic, OffsetsTopic}
	compact, both, none, week := "compact", "compact,delete", "", "604800000"
	for _, c := range []struct {
		name    string
		op      Alteration
		refused bool
	}{
		{"both", Alteration{"cleanup.policy", OpSet, &both}, true},
		{"appended", Alteration{"cleanup.policy", OpAppend, &both}, true},
		{"none", Alteration{"cleanup.policy", OpSet, &none}, true},
		{"the default", Alteration{"cleanup.policy", OpDelete, nil}, true},
		{"as it is", Alteration{"cleanup.policy", OpSet, &compact}, false},
		{"another", Alteration{"retention.ms", OpSet, &week}, false},
	} {
		_, err := r.PlanIncremental(j.Image(), res, []Alteration{c.op})
		if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "stays compact") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := r.PlanReplace(j.Image(), res, map[string]string{"retention.ms": week}); err == nil {
		t.Error("the older request may take the policy away")
	}
	if err := j.AlterConfigs(res, []ConfigChange{{"cleanup.policy", &both}}); err != nil {
		t.Fatal(err)
	}
	topic, _ := j.Image().Topic(OffsetsTopic)
	if s := r.TopicSettings(j.Image(), topic); s.Delete || !s.Compact {
		t.Errorf("what was stored before deletes: %+v", s)
	}
}

// A value that the broker gave its own topic, and would refuse from a client, stands:
// it is not in the way of other changes, and can not be had for another topic.
func TestWhatStandsIsNotInTheWay(t *testing.T) {
	j, err := Open(vfs.NewMem(), "/", Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := NewResolver(nil)
	state := map[string]string{"cleanup.policy": "compact", "compression.type": "uncompressed"}
	j.CreateTopics([]TopicSpec{{Name: TransactionsTopic, Partitions: 1, Internal: true, Configs: state}, {Name: "mine", Partitions: 1}})
	uncompressed, zstd, size := "uncompressed", "zstd", "52428800"
	for _, c := range []struct {
		name, topic string
		op          Alteration
		want        string // part of the error; "" for accepted
	}{
		{"another setting", TransactionsTopic, Alteration{"segment.bytes", OpSet, &size}, ""},
		{"as it is", TransactionsTopic, Alteration{"compression.type", OpSet, &uncompressed}, ""},
		{"the default", TransactionsTopic, Alteration{"compression.type", OpDelete, nil}, ""},
		{"another codec", TransactionsTopic, Alteration{"compression.type", OpSet, &zstd}, "does not recompress"},
		{"of a client's topic", "mine", Alteration{"compression.type", OpSet, &uncompressed}, "does not recompress"},
	} {
		_, err := r.PlanIncremental(j.Image(), Resource{ResourceTopic, c.topic}, []Alteration{c.op})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	state["segment.bytes"] = size
	if _, err := r.PlanReplace(j.Image(), Resource{ResourceTopic, TransactionsTopic}, state); err != nil {
		t.Errorf("the older request, which says all of it again: %v", err)
	}
}

func TestStaticSettings(t *testing.T) {
	for _, c := range []struct {
		key, value, warning, err string
	}{
		{"num.partitions", "6", "", ""},
		{"num.partitions", "0", "", "at least 1"},
		{"num.partition", "6", "", "did you mean num.partitions?"},
		{"offsets.topic.num.partitions", "10000", "", ""},
		{"offsets.topic.num.partitions", "2147483647", "", "between 1 and 10000"},
		{"retention.ms", "1", "", "set by log.retention.ms"},
		{"zookeeper.connect", "x", "means nothing", ""},
		{"process.roles", "broker", "means nothing", ""},
		{"num.io.threads", "16", "num.io.threads has no effect in Mainstem", ""},
		{"num.io.threads", "8", "", ""},
		{"log.segment.bytes", "1073741824", "", ""},
		{"log.segment.bytes", "104857600", "no effect in Mainstem but for compacted topics; see mainstem.log.segment.bytes", ""},
		{"listener.name.x.max.connections", "1", "means nothing", ""},
		{"listener.name.x.ssl.keystore.location", "/x", "NO SECURITY", ""},
		{"ssl.keystore.location", "/x", "these settings do not change that: ssl.keystore.location. Whoever", ""},
		{"sasl.enabled.mechanism", "PLAIN", "NO SECURITY", ""},
		{"super.users", "User:a", "", "everyone would be let in"},
		{"allow.everyone.if.no.acl.found", "true", "", "everyone would be let in"},
		{"mainstem.log.segment.bytes", "10m", "", "it counts bytes, without a suffix"},
		{"log.retention.ms", "7d", "", "it counts milliseconds, without a suffix"},
		{"authorizer.class.name", "a.b.C", "", "everyone would be let in"},
		{"log.dirs", "/a,/b", "", "one data directory"},
		{"message.max.bytes", "2000000000", "", "must fit a segment"},
		{"max.connections.per.ip.overrides", "10.0.0.1:5,::1:7", "", ""},
		{"max.connections.per.ip.overrides", "10.0.0.1", "", "HOST:LIMIT"},
	} {
		warnings, err := CheckStatic(map[string]string{c.key: c.value})
		if got := strings.Join(warnings, "\n"); !strings.Contains(got, c.warning) || c.warning == "" && got != "" {
			t.Errorf("%s=%s: warnings %q", c.key, c.value, got)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s=%s: %v", c.key, c.value, err)
		}
	}
	if _, err := CheckStatic(map[string]string{NodeIDKey: "1", BrokerIDKey: "2"}); err == nil {
		t.Error("contradicting node ids were accepted")
	}
	if id := NewResolver(map[string]string{BrokerIDKey: "7"}).NodeID(); id != 7 {
		t.Errorf("broker.id gives node %d", id)
	}
	if id := NewResolver(map[string]string{BrokerIDKey: "-1", NodeIDKey: "4"}).NodeID(); id != 4 {
		t.Errorf("node.id=4 gives node %d", id)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"retention.ms", "retention.bytes", "segment.ms"}
	for in, want := range map[string]string{
		"retention.mss": "retention.ms", "retenton.byte": "retention.bytes", "segmnet.ms": "segment.ms", "zzzzzz": "",
	} {
		if got := nearest(in, names); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}

func TestTopicNames(t *testing.T) {
	for name, want := range map[string]string{
		"a": "", "A-b_c.9": "", strings.Repeat("x", 249): "", strings.Repeat("x", 250): "250 characters",
		"": "empty", ".": "cannot be named", "..": "cannot be named", "...": "", "a b": "' '", "ä": "'ä'", "a/b": "'/'",
	} {
		err := ValidateTopicName(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := ProtectInternalTopic("__consumer_offsets", "delete"); protocol.CodeOf(err) != protocol.InvalidTopicException {
		t.Error(err)
	}
	if err := ProtectInternalTopic("mine", "delete"); err != nil {
		t.Error(err)
	}
}

func TestDurationOfASetting(t *testing.T) {
	const ms, minutes = "connections.max.idle.ms", "offsets.retention.minutes"
	for _, c := range []struct {
		key, value string
		unit, want time.Duration
	}{
		{ms, "0", time.Millisecond, 0},
		{ms, "-1", time.Millisecond, -time.Millisecond},
		{ms, "1500", time.Millisecond, 1500 * time.Millisecond},
		{ms, "9223372036854", time.Millisecond, 9223372036854 * time.Millisecond},
		{ms, "9223372036855", time.Millisecond, math.MaxInt64},
		{ms, "9223372036854775807", time.Millisecond, math.MaxInt64},
		{ms, "-9223372036854", time.Millisecond, -9223372036854 * time.Millisecond},
		{ms, "-9223372036855", time.Millisecond, math.MinInt64},
		{ms, "-9223372036854775808", time.Millisecond, math.MinInt64},
		{minutes, "153722867", time.Minute, 153722867 * time.Minute},
		{minutes, "153722868", time.Minute, math.MaxInt64},
		{minutes, "2147483647", time.Minute, math.MaxInt64},
	} {
		r := NewResolver(map[string]string{c.key: c.value})
		if got := r.Duration(&Image{}, c.key, c.unit); got != c.want {
			t.Errorf("%s=%s: %v, want %v", c.key, c.value, got, c.want)
		}
	}
}
