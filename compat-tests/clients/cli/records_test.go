package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestCodecs: what produce writes with each codec is read by franz-go, and by consume.
func TestCodecs(t *testing.T) {
	for i, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			topic := shared.Topic(t, 1, nil)
			want := lines(500, "key%d:value of some length, and the same again, value of some length")
			run(t, want, "produce", topic, "--key-delimiter", ":", "--codec", codec, "--header", "from=cli")
			client := shared.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			var got strings.Builder
			for n := 0; n < 500; {
				fetches := client.PollFetches(testbroker.Context(t, 30*time.Second))
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				fetches.EachRecord(func(r *kgo.Record) {
					n++
					fmt.Fprintf(&got, "%s:%s\n", r.Key, r.Value)
					if len(r.Headers) != 1 || string(r.Headers[0].Value) != "cli" || int(r.Attrs.CompressionType()) != i {
						t.Fatalf("offset %d: headers %v, codec %d", r.Offset, r.Headers, r.Attrs.CompressionType())
					}
				})
			}
			if got.String() != want {
				t.Error("franz-go reads something else than was written")
			}
			if got := run(t, "", "consume", topic, "--format", `%k:%s\n`); got != want {
				t.Error("consume reads something else than was written")
			}
		})
	}
}

// TestCopy: records go through JSON from topic to topic with all that they have.
func TestCopy(t *testing.T) {
	from, to := shared.Topic(t, 3, nil), shared.Topic(t, 3, nil)
	client := shared.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	at := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	var records []*kgo.Record
	for i := range 30 {
		r := &kgo.Record{Topic: from, Partition: int32(i % 3), Timestamp: at.Add(time.Duration(i) * time.Second), Value: []byte{byte(i), 0xff}}
		switch i % 5 {
		case 0:
			r.Key = fmt.Appendf(nil, "key %d", i)
		case 1:
			r.Value = nil
		case 2:
			r.Headers, r.Value = []kgo.RecordHeader{{Key: "grüße", Value: []byte("ü")}, {Key: "none"}}, []byte{}
		}
		records = append(records, r)
	}
	if err := client.ProduceSync(testbroker.Context(t, 30*time.Second), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	all := run(t, "", "consume", from, "-o", "json")
	run(t, all, "produce", to, "-i", "json", "--partition", "same")
	got := byPlace(t, run(t, "", "consume", to, "-o", "json"))
	want := byPlace(t, all)
	if len(want) != len(records) {
		t.Fatalf("%d records, want %d", len(want), len(records))
	}
	for place, w := range want {
		if got[place] != w {
			t.Errorf("partition and offset %s: %s, want %s", place, got[place], w)
		}
	}
	if got := run(t, "", "consume", from, "--from", fmt.Sprintf("@%d", at.Add(15*time.Second).UnixMilli()), "--to", "end", "--format", "%o,"); strings.Count(got, ",") != 15 {
		t.Errorf("from the time of the 15th on there are %s", got)
	}
}

// byPlace are lines of JSON without their topic, by partition and offset.
func byPlace(t *testing.T, text string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(text) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		delete(r, "topic")
		rest, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprint(r["partition"], " ", r["offset"])] = string(rest)
	}
	return all
}

// TestGroup: a member of a group goes on where the one before it ended.
func TestGroup(t *testing.T) {
	topic, group := shared.Topic(t, 1, nil), shared.Name(t)
	want := lines(30, "line %d")
	run(t, want, "produce", topic)
	var got strings.Builder
	for range 3 {
		got.WriteString(run(t, "", "consume", topic, "--group", group, "-n", "10"))
	}
	if got.String() != want {
		t.Errorf("three members took\n%s", got.String())
	}
}

// TestNoTopic: a topic that is not there is refused in words.
func TestNoTopic(t *testing.T) {
	name := shared.Name(t)
	wantRefused(t, "there is no topic "+name, "consume", name)
	wantRefused(t, "there is no topic "+name, "produce", name)
}
