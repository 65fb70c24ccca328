package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/server"
)

// resetText is a plan in short: topic-partition, from, to, what that means.
func resetText(p *server.ResetPlan) string {
	number := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return fmt.Sprint(*n)
	}
	var lines []string
	for _, x := range p.Partitions {
		line := fmt.Sprintf("%s-%d %s>%s again=%d skipped=%d", x.Topic, x.Partition, number(x.Committed), number(x.To), x.Again, x.Skipped)
		if x.Note != "" {
			line += " (" + x.Note + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

// TestResetPlans: where each wish leads, and that a dry run tells the truth and
// changes nothing.
func TestResetPlans(t *testing.T) {
	start := clock.Real{}.Now().Truncate(time.Second)
	wall := clock.NewManual(start)
	b := startBroker(t, options{clock: wall})
	c := b.dial()
	c.createTopic("t", 3)
	c.createTopic("u", 1)
	c.coordinate("g")
	c.produceAt("t", 0, start.Add(-2*time.Hour), 4)
	c.produceAt("t", 0, start.Add(-time.Hour), 4)
	c.produceAt("t", 0, start, 4)
	c.deleteRecords("t", 0, 2)
	c.produceAt("t", 1, start.Add(-2*time.Hour), 5)
	c.produceAt("u", 0, start, 5)
	const all = "null"
	for _, tc := range []struct {
		name, to, topics string
		status           int
		want             string // the plan, or words of the error
	}{
		{"the start", "earliest", all, 200, "t-0 6>2 again=4 skipped=0; t-1 5>0 again=5 skipped=0; u-0 1>0 again=1 skipped=0"},
		{"the end", "latest", all, 200, "t-0 6>12 again=0 skipped=6; t-1 5>5 again=0 skipped=0; u-0 1>5 again=0 skipped=4"},
		{"one topic, all of it", "latest", `["t"]`, 200, "t-0 6>12 again=0 skipped=6; t-1 5>5 again=0 skipped=0; t-2 ->0 again=0 skipped=0"},
		{"a topic twice", "latest", `["u","u"]`, 200, "u-0 1>5 again=0 skipped=4"},
		{
			"a time", start.Add(-90 * time.Minute).UTC().Format(time.RFC3339), `["t"]`, 200,
			"t-0 6>4 again=2 skipped=0; t-1 5>5 again=0 skipped=0 (no record is of that time or later: the end); " +
				"t-2 ->0 again=0 skipped=0 (no record is of that time or later: the end)",
		},
		{"so long ago", "90m", `["u"]`, 200, "u-0 1>0 again=1 skipped=0"},
		{"so many days ago", "1d1h", `["u"]`, 200, "u-0 1>0 again=1 skipped=0"},
		{"in another zone", start.Add(-3 * time.Hour).In(time.FixedZone("x", 3600)).Format(time.RFC3339), `["u"]`, 200, "u-0 1>0 again=1 skipped=0"},
		{"an offset", "3", `["t"]`, 200, "t-0 6>3 again=3 skipped=0; t-1 5>3 again=2 skipped=0; t-2 ->0 again=0 skipped=0 (there is no record 3 yet: the end)"},
		{"an offset that is gone", "1", `["t"]`, 200, "t-0 6>2 again=4 skipped=0 (record 1 is gone: the first one that is left); t-1 5>1 again=4 skipped=0; " +
			"t-2 ->0 again=0 skipped=0 (there is no record 1 yet: the end)"},
		{"back", "-3", `["t"]`, 200, "t-0 6>3 again=3 skipped=0; t-1 5>2 again=3 skipped=0; t-2 ->- again=0 skipped=0 (nothing is committed, so it stays as it is)"},
		{"back beyond the start", "-100", all, 200, "t-0 6>2 again=4 skipped=0 (record 0 is gone: the first one that is left); t-1 5>0 again=5 skipped=0; u-0 1>0 again=1 skipped=0"},
		{"the smallest number", "-9223372036854775808", `["u"]`, 200, "u-0 1>0 again=1 skipped=0"},
		{"an offset of all topics", "3", all, 400, "name the one topic"},
		{"an offset of two topics", "3", `["t","u"]`, 400, "name the one topic"},
		{"no topic", "latest", `["none"]`, 404, "there is no topic none"},
		{"the coordinator's own", "latest", `["__consumer_offsets"]`, 404, "there is no topic __consumer_offsets to read"},
		{"nothing", "", all, 400, "is not earliest, latest"},
		{"in the future", "-15m", all, 400, "is not earliest, latest"},
		{"words", "yesterday", all, 400, "to=yesterday is not earliest"},
		{"too many days", "36501d", all, 400, "so long ago, in d, h, m and s"},
		{"days of less than none", "1d-2h", all, 400, "is not earliest"},
		{"a day", "2026-11-22", all, 400, "say from when on, and in which time zone: 2026-11-22T00:00:00Z"},
		{"a sign", "+3", `["u"]`, 400, "is not earliest"},
		{"a list of no topics", "latest", `[]`, 400, "the list of topics is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.commit("g", "t", 0, 6)
			c.commit("g", "t", 1, 5)
			c.commit("g", "u", 0, 1)
			body := func(dry bool) string {
				return fmt.Sprintf(`{"to":%q,"topics":%s,"dryRun":%t}`, tc.to, tc.topics, dry)
			}
			if tc.status != http.StatusOK {
				var e server.APIError
				b.apiAsk("POST", "/api/v1/groups/g/reset", body(false), tc.status, &e)
				if !strings.Contains(e.Message, tc.want) {
					t.Errorf("%+v, want %q", e, tc.want)
				}
				return
			}
			before := b.committed("g")
			var dry, done server.ResetPlan
			b.apiAsk("POST", "/api/v1/groups/g/reset", body(true), tc.status, &dry)
			if got := resetText(&dry); got != tc.want || !dry.DryRun {
				t.Errorf("dry run: %s\n   want: %s", got, tc.want)
			}
			if now := b.committed("g"); now != before {
				t.Errorf("a dry run made %s of %s", now, before)
			}
			b.apiAsk("POST", "/api/v1/groups/g/reset", body(false), tc.status, &done)
			if got := resetText(&done); got != tc.want || done.DryRun {
				t.Errorf("reset: %s\n want: %s", got, tc.want)
			}
			now := b.committed("g")
			for _, p := range done.Partitions {
				if p.To != nil && !strings.Contains(now, fmt.Sprintf("%s-%d=%d ", p.Topic, p.Partition, *p.To)) {
					t.Errorf("%s-%d is not %d: %s", p.Topic, p.Partition, *p.To, now)
				}
			}
			c.forgetOffset("g", "t", 2)
		})
	}
	for body, words := range map[string]string{
		`{"to":"latest","dryrn":true}`: "dryrn",
		`{"to":"latest"} {}`:           "more behind",
		`{"to":"latest"}}`:             "more behind",
		`{"to":`:                       "the body",
		`[]`:                           "the body",
		``:                             "is not earliest",
		`{"to":"` + strings.Repeat("x", 33<<20) + `"}`: "too large",
	} {
		var e server.APIError
		b.apiAsk("POST", "/api/v1/groups/g/reset", body, http.StatusBadRequest, &e)
		if !strings.Contains(e.Message, words) {
			t.Errorf("%.40s: %+v", body, e)
		}
	}
}

// TestPlannedBytes: batches that hold what comes again count as a whole, also if all
// of that lies in one.
func TestPlannedBytes(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	c.coordinate("g")
	sizes := []int64{}
	for range 3 { // of 10 records each
		c.produceAt("t", 0, clock.Real{}.Now(), 10)
		sizes = append(sizes, c.size("t")-sum(sizes))
	}
	for _, tc := range []struct {
		name     string
		from, to int64
		want     int64
	}{
		{"in one batch", 7, 3, sizes[0]},
		{"one record", 15, 14, sizes[1]},
		{"two batches in part", 17, 3, sizes[0] + sizes[1]},
		{"from a batch's end", 20, 12, sizes[1]},
		{"all", 30, 0, sum(sizes)},
		{"from beyond the end", 99, 29, sizes[2]},
		{"forward", 3, 7, 0},
		{"it is there", 7, 7, 0},
	} {
		c.commit("g", "t", 0, tc.from)
		for _, deed := range []string{"reset", "rewind"} {
			var plan server.ResetPlan
			b.apiAsk("POST", "/api/v1/groups/g/"+deed, fmt.Sprintf(`{"to":"%d","topics":["t"],"dryRun":true}`, tc.to), http.StatusOK, &plan)
			if p := plan.Partitions[0]; p.Bytes != tc.want || p.Again != max(min(tc.from, 30)-tc.to, 0) {
				t.Errorf("%s, %s: %d bytes for %d records, want %d bytes", tc.name, deed, p.Bytes, p.Again, tc.want)
			}
		}
	}
}

func sum(all []int64) (n int64) {
	for _, one := range all {
		n += one
	}
	return n
}

// size is how many bytes a fetch of partition 0 gives.
func (c *client) size(topic string) int64 {
	c.tb.Helper()
	return int64(len(ask[*kmsg.FetchResponse](c, 12, fetchRequest(topic, 0, 0)).Topics[0].Partitions[0].RecordBatches))
}

// committed are the offsets of a group.
func (b *broker) committed(group string) string {
	b.tb.Helper()
	var d server.GroupDetail
	b.apiAsk("GET", "/api/v1/groups/"+group, "", http.StatusOK, &d)
	text := ""
	for _, p := range d.PartitionLag {
		text += fmt.Sprintf("%s-%d=%d ", p.Topic, p.Partition, *p.Committed)
	}
	return text
}

// TestGroupsOfMembers are neither reset nor deleted; empty ones are.
func TestGroupsOfMembers(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	c.produce("t", 0, "a")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cl := newKgo(t, b, kgo.ClientID("app"), kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	poll(ctx, t, cl, map[string]int{}, 1)
	must(t, cl.CommitUncommittedOffsets(ctx))
	var e server.APIError
	for deed, ask := range map[string]func(){
		"reset": func() {
			b.apiAsk("POST", "/api/v1/groups/g/reset", `{"to":"earliest","dryRun":true}`, http.StatusConflict, &e)
		},
		"delete": func() { b.apiAsk("DELETE", "/api/v1/groups/g", "", http.StatusConflict, &e) },
	} {
		ask()
		if want := "group g has 1 member (app@127.0.0.1): stop them, then " + deed; e.Code != "NON_EMPTY_GROUP" || e.Message != want {
			t.Errorf("%+v, want %q", e, want)
		}
	}
	cl.Close()
	until(t, "the member has left", func() bool {
		var d server.GroupDetail
		b.apiAsk("GET", "/api/v1/groups/g", "", http.StatusOK, &d)
		return d.State == "Empty"
	}, func() {})
	var deleted json.RawMessage
	b.apiAsk("DELETE", "/api/v1/groups/g", "", http.StatusOK, &deleted)
	b.apiAsk("DELETE", "/api/v1/groups/g", "", http.StatusNotFound, &e)
	b.apiAsk("POST", "/api/v1/groups/g/reset", `{"to":"earliest"}`, http.StatusNotFound, &e)
	if string(deleted) != `{"group":"g"}` || e.Code != "GROUP_ID_NOT_FOUND" {
		t.Errorf("%s, %+v", deleted, e)
	}
}

// produceAt appends a batch of n records of one time.
func (c *client) produceAt(topic string, partition int32, at time.Time, n int) {
	c.tb.Helper()
	records := batch.NewBuilder(batch.None)
	for range n {
		records.Add(at.UnixMilli(), nil, []byte("v"))
	}
	built, err := records.Build(nil)
	must(c.tb, err)
	resp := ask[*kmsg.ProduceResponse](c, 9, produceRequest(topic, partition, -1, built))
	if code := protocol.ErrorCode(resp.Topics[0].Partitions[0].ErrorCode); code != protocol.NoError {
		c.tb.Fatalf("produce: %s", code)
	}
}

// forgetOffset takes back what a group committed for a partition.
func (c *client) forgetOffset(group, topic string, partition int32) {
	c.tb.Helper()
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = group
	req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: partition}}}}
	if code := protocol.ErrorCode(ask[*kmsg.OffsetDeleteResponse](c, 0, req).ErrorCode); code != protocol.NoError {
		c.tb.Fatalf("delete offset: %s", code)
	}
}
