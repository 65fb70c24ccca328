package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/cli"
	"github.com/mainstem-mq/mainstem/server"
)

// TestGroupTables: what scripts cannot bring about, in both forms.
func TestGroupTables(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	committed, drain := int64(7), 95.0
	d := server.GroupDetail{
		GroupSummary: server.GroupSummary{
			Group: "g g", Type: "classic", State: "Stable", ProtocolType: "connect", Protocol: "sessioned", Generation: 3, Members: 2,
			Lag: server.Lag{Records: 12, Bytes: 3 << 20, Seconds: 7200, About: true},
		},
		Leader: "l",
		MemberList: []server.GroupMember{
			{Member: "l", Client: "", Host: "/h", Instance: "i", Expires: now.Add(9 * time.Second), Assignment: []server.AssignedTopic{
				{Topic: "t", Partitions: []int32{0, 1, 2, 5, 7, 8}}, {Topic: "empty"}, {Topic: "\u009b2J", Partitions: []int32{4}},
			}, Subscription: []string{"t", "u v"}},
			{Member: "m", Client: "c", Host: "/h", Heard: now.Add(-time.Minute)},
		},
		PartitionLag: []server.GroupPartition{
			{
				Topic: "t", Partition: 1, Committed: &committed, End: 19, LogStart: 9, Gone: 2, Lag: &server.Lag{Records: 12, About: true, Seconds: 7200},
				Rate: &server.GroupRate{Consumed: 1.5}, CommittedAt: now.Add(-49 * time.Hour),
			},
			{Topic: "u", Partition: 0, Committed: &committed, Error: "topic \"u\" was deleted"},
		},
		Rate: &server.GroupRate{Consumed: 1.5, Produced: 0.25, Drain: &drain},
	}
	var narrow, wide bytes.Buffer
	for out, form := range map[*bytes.Buffer]bool{&narrow: false, &wide: true} {
		(&groupTable{reportPrinter: reportPrinter{out: out}, wide: form, now: now}).describe(&d)
	}
	if d := cmp.Diff(`group "g g": classic, Stable, 2 members, protocol connect/sessioned, generation 3
lag: ~12 records, 3.0 MiB, the oldest there for 2 h; 1.5/s consumed, 0.25/s produced: caught up in 1 min 35 s

TOPIC  PARTITION  COMMITTED  END  LAG  BYTES    BEHIND  CLIENT  HOST  CONSUMED/S  PRODUCED/S
t      1          7          19   ~12  0 bytes  2 h     -       -     1.5         0
u      0          7          0    ?    ?        ?       -       -     -           -
u-0: topic "u" was deleted

CLIENT      HOST  INSTANCE  HEARD      ASSIGNED                      LAG
- (leader)  h     i         not yet    t 0-2,5,7-8 and "\u009b2J" 4  0
c           h     -         1 min ago  -                             0
`, narrow.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if d := cmp.Diff(`group "g g": classic, Stable, 2 members, protocol connect/sessioned, generation 3
lag: ~12 records, 3.0 MiB, the oldest there for 2 h; 1.5/s consumed, 0.25/s produced: caught up in 1 min 35 s

TOPIC  PARTITION  COMMITTED  END  LAG  BYTES    BEHIND  CLIENT  HOST  CONSUMED/S  PRODUCED/S  START  GONE  AGE OF COMMIT  MEMBER
t      1          7          19   ~12  0 bytes  2 h     -       -     1.5         0           9      2     2 d 1 h        -
u      0          7          0    ?    ?        ?       -       -     -           -           0      0     -              -
u-0: topic "u" was deleted

CLIENT      HOST  INSTANCE  HEARD      ASSIGNED                      LAG  OUT IN  SUBSCRIBED  MEMBER
- (leader)  h     i         not yet    t 0-2,5,7-8 and "\u009b2J" 4  0    9 s     t,"u v"     l
c           h     -         1 min ago  -                             0    -       -           m
`, wide.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestConsumerGroupTables: of a consumer group the epochs, and how far each member has come.
func TestConsumerGroupTables(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	topics := func(partitions ...int32) []server.AssignedTopic {
		return []server.AssignedTopic{{Topic: "t", Partitions: partitions}}
	}
	d := server.GroupDetail{
		GroupSummary: server.GroupSummary{
			Group: "g", Type: "consumer", State: "Assigning", ProtocolType: "consumer", Protocol: "uniform", Generation: 4, AssignmentEpoch: 3, Members: 2,
		},
		MemberList: []server.GroupMember{
			{Member: "a", Client: "c", Host: "/h", Heard: now, Expires: now.Add(45 * time.Second), Subscription: []string{"t"}, Assignment: topics(0), GroupConsumer: &server.GroupConsumer{
				Protocol: "consumer", Epoch: 2, State: "revoking", Rack: "r 1", Pattern: "t.*", Target: topics(0), Revoking: topics(1),
			}},
			{Member: "b", Client: "c", Host: "/h", Heard: now, Subscription: []string{"t"}, GroupConsumer: &server.GroupConsumer{
				Protocol: "classic", Epoch: 3, State: "waiting", Target: topics(1),
			}},
		},
	}
	for form, want := range map[bool]string{false: `group g: consumer, Assigning, 2 members, protocol uniform, epoch 4 (assigned: 3)
lag: 0 records, 0 bytes

CLIENT  HOST  INSTANCE  HEARD     ASSIGNED  LAG  STATE
c       h     -         0 ms ago  t 0       0    revoking
c       h     -         0 ms ago  -         0    waiting
`, true: `group g: consumer, Assigning, 2 members, protocol uniform, epoch 4 (assigned: 3)
lag: 0 records, 0 bytes

CLIENT  HOST  INSTANCE  HEARD     ASSIGNED  LAG  STATE     OUT IN  SUBSCRIBED  MEMBER  EPOCH  TARGET  RACK   PROTOCOL
c       h     -         0 ms ago  t 0       0    revoking  45 s    t by t.*    a       2      t 0     "r 1"  consumer
c       h     -         0 ms ago  -         0    waiting   -       t           b       3      t 1     -      classic
`} {
		var out bytes.Buffer
		(&groupTable{reportPrinter: reportPrinter{out: &out}, wide: form, now: now}).describe(&d)
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	}
}

// TestBroadcastTable: what each member of a broadcast group has consumed.
func TestBroadcastTable(t *testing.T) {
	t.Parallel()
	committed := int64(7)
	d := server.GroupDetail{
		GroupSummary: server.GroupSummary{Group: "g", Type: "consumer", Mode: "broadcast", State: "Stable", Members: 1, ProtocolType: "consumer", Protocol: "range"},
		Cells: []server.GroupCell{
			{Group: "g::member::c:c@h#0", Member: "m", Lag: server.Lag{Records: 2}, PartitionLag: []server.GroupPartition{
				{Topic: "t", Partition: 0, Committed: &committed, End: 9, Lag: &server.Lag{Records: 2, Seconds: 60}},
				{Topic: "t", Partition: 1, End: 4},
			}},
			{Group: "g::member::i:\u009b", Lag: server.Lag{Records: 5, Unmeasured: true}},
		},
	}
	var out bytes.Buffer
	(&groupTable{reportPrinter: reportPrinter{out: &out}}).describe(&d)
	if d := cmp.Diff(`group g: consumer, broadcast, Stable, 1 member, protocol range
lag: 0 records, 0 bytes

MEMBER'S GROUP         AT WORK  TOPIC  PARTITION  COMMITTED  END  LAG  BEHIND
g::member::c:c@h#0     yes      t      0          7          9    2    1 min
g::member::c:c@h#0     yes      t      1          -          4    -    -
"g::member::i:\u009b"  no       -      -          -          -    5    ?
`, out.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestBroadcastOfBoth: the rows of classic members and of others have the same columns.
func TestBroadcastOfBoth(t *testing.T) {
	t.Parallel()
	d := server.GroupDetail{
		GroupSummary: server.GroupSummary{Group: "g", Type: "consumer", Mode: "broadcast", State: "Stable", Members: 2},
		MemberList: []server.GroupMember{
			{Member: "m1", Client: "a", Host: "/h"},
			{Member: "m2", Client: "b", Host: "/h", GroupConsumer: &server.GroupConsumer{Protocol: "consumer", Epoch: 3, State: "stable"}},
		},
	}
	var out bytes.Buffer
	(&groupTable{reportPrinter: reportPrinter{out: &out}, wide: true}).members(&d)
	if d := cmp.Diff(`CLIENT  HOST  INSTANCE  HEARD    ASSIGNED  LAG  STATE   OUT IN  SUBSCRIBED  MEMBER  EPOCH  TARGET  RACK  PROTOCOL
a       h     -         not yet  -         0    -       -       -           m1      -      -       -     classic
b       h     -         not yet  -         0    stable  -       -           m2      3      -       -     consumer
`, out.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestRateText: what is drawn from a rate says what it leaves out.
func TestRateText(t *testing.T) {
	t.Parallel()
	none, minute := 0.0, 60.0
	for want, r := range map[string]server.GroupRate{
		"5/s consumed, 2/s produced: caught up in 1 min":                                                       {Consumed: 5, Produced: 2, Drain: &minute},
		"5/s consumed, 2/s produced: caught up in 1 min, not counting 4 partitions that had nothing committed": {Consumed: 5, Produced: 2, Drain: &minute, Uncommitted: 4},
		"0/s consumed, 0/s produced, not counting 1 partition that had nothing committed":                      {Drain: &none, Uncommitted: 1},
		"0/s consumed, 2/s produced: it does not catch up":                                                     {Produced: 2},
	} {
		if got := rateText(&r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestGroupList: the members of a broadcast group have generations, it has none.
func TestGroupList(t *testing.T) {
	t.Parallel()
	list := server.GroupList{Groups: []server.GroupSummary{
		{Group: "g", Type: "classic", Mode: "broadcast", State: "Stable", Members: 1, ProtocolType: "consumer", Protocol: "range"},
		{Group: "g::member::i:a", Type: "classic", Mode: "member", State: "Stable", Members: 1, ProtocolType: "consumer", Protocol: "range", Generation: 3},
	}}
	var out bytes.Buffer
	(&groupTable{reportPrinter: reportPrinter{out: &out}, wide: true}).list(&list, false)
	if d := cmp.Diff(`GROUP           TYPE     MODE       STATE   MEMBERS  PARTITIONS  LAG  BEHIND  BYTES    PROTOCOL  GENERATION  SINCE
g               classic  broadcast  Stable  1        0           0    -       0 bytes  range     -           -
g::member::i:a  classic  member     Stable  1        0           0    -       0 bytes  range     3           -
`, out.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestRewindUnderWay: a description says so, and where to look.
func TestRewindUnderWay(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	for phase, want := range map[string]string{
		"":         "",
		"done":     "",
		"emptying": "rewind: under way for 7 s; `mainstem group why \"g g\"` says whom it waits for\n",
	} {
		d := server.GroupDetail{GroupSummary: server.GroupSummary{Group: "g g", Type: "classic", State: "Stable"}}
		d.Rewind = server.RewindInShort{ID: "1", Phase: phase, Started: now.Add(-7 * time.Second)}
		var out bytes.Buffer
		(&groupTable{reportPrinter: reportPrinter{out: &out}, now: now}).describe(&d)
		if _, got, _ := strings.Cut(out.String(), "bytes\n"); got != want {
			t.Errorf("%s: %q", phase, got)
		}
	}
}

// TestTerminalSafe: what JSON leaves as it is and a terminal obeys.
func TestTerminalSafe(t *testing.T) {
	t.Parallel()
	in := "ok \u00fc\u4e16 \x7f \u0085 \u009b31m \u00a0"
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	safe := cli.TerminalSafe(raw)
	if want := `"ok ü世 \u007f \u0085 \u009b31m ` + "\u00a0\""; string(safe) != want {
		t.Errorf("%q, want %q", safe, want)
	}
	var out string
	if err := json.Unmarshal(safe, &out); err != nil || out != in {
		t.Errorf("%q, %v", out, err)
	}
	if got := string(cli.TerminalSafe([]byte("a\xffb"))); got != "a\xffb" {
		t.Errorf("%q", got)
	}
}

// TestProtocolText: that members are consumers is not worth a word, next to a type
// called consumer; the assignor is, once there is one.
func TestProtocolText(t *testing.T) {
	t.Parallel()
	for want, g := range map[string]server.GroupSummary{
		"-":                  {},
		"- ":                 {ProtocolType: "consumer"},
		"range":              {ProtocolType: "consumer", Protocol: "range"},
		"connect":            {ProtocolType: "connect"},
		"connect/compatible": {ProtocolType: "connect", Protocol: "compatible"},
	} {
		if got := protocolText(&g); got != strings.TrimSpace(want) {
			t.Errorf("%+v: %s", g, got)
		}
	}
}
