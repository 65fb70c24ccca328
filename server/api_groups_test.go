package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// commit commits an offset for a group without members.
func (c *client) commit(group, topic string, partition int32, offset int64) {
	c.tb.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	part := kmsg.NewOffsetCommitRequestTopicPartition()
	part.Partition, part.Offset = partition, offset
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{part}}}
	resp := ask[*kmsg.OffsetCommitResponse](c, 8, req)
	if code := protocol.ErrorCode(resp.Topics[0].Partitions[0].ErrorCode); code != protocol.NoError {
		c.tb.Fatalf("commit: %s", code)
	}
}

// coordinate has the coordinator's topic made, as clients do by looking for it.
func (c *client) coordinate(group string) {
	c.tb.Helper()
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKey = group
	if code := protocol.ErrorCode(ask[*kmsg.FindCoordinatorResponse](c, 3, req).ErrorCode); code != protocol.NoError {
		c.tb.Fatalf("find coordinator: %s", code)
	}
}

// TestGroupsWithoutMembers: what is committed, how far that is from the end, and
// what there is of it in the log.
func TestGroupsWithoutMembers(t *testing.T) {
	wall := clock.NewManual(clock.Real{}.Now())
	b := startBroker(t, options{clock: wall})
	c := b.dial()
	var list server.GroupList
	b.apiAsk("GET", "/api/v1/groups", "", http.StatusOK, &list)
	if len(list.Groups) > 0 {
		t.Errorf("groups before there was one: %+v", list)
	}
	var e server.APIError
	b.apiAsk("GET", "/api/v1/groups/none", "", http.StatusNotFound, &e)
	if e.Code != "GROUP_ID_NOT_FOUND" {
		t.Errorf("%+v", e)
	}
	c.createTopic("t", 2)
	c.coordinate("g")
	for range 5 {
		c.produce("t", 0, "a", "b")
	}
	c.produce("t", 1, "a")
	c.commit("g", "t", 0, 4)
	c.commit("g", "t", 1, 1)
	c.commit("odd/\u00fc?%2f\n", "t", 1, 0)
	wall.Advance(90 * time.Second)

	b.apiAsk("GET", "/api/v1/groups?state=stable", "", http.StatusOK, &list)
	if len(list.Groups) > 0 {
		t.Errorf("stable groups: %+v", list)
	}
	b.apiAsk("GET", "/api/v1/groups?state=stable,EMPTY&type=classic", "", http.StatusOK, &list)
	if len(list.Groups) != 2 || list.Groups[0].Group != "g" || list.Groups[1].Group != "odd/\u00fc?%2f\n" {
		t.Fatalf("groups: %+v", list)
	}
	if got := list.Groups[0]; got.Lag.Records != 6 || got.Topics != 1 || got.Partitions != 2 || got.Members != 0 {
		t.Errorf("%+v", got)
	}
	size := int64(len(batchOf(t, "a", "b")))
	var d server.GroupDetail
	b.apiAsk("GET", "/api/v1/groups/g", "", http.StatusOK, &d)
	if len(d.PartitionLag) != 2 {
		t.Fatalf("%+v", d)
	}
	p := d.PartitionLag[0]
	if *p.Committed != 4 || p.End != 10 || p.LogStart != 0 || p.Lag.Records != 6 || p.Lag.Bytes != 3*size || p.Gone != 0 {
		t.Errorf("%+v, lag %+v", p, p.Lag)
	}
	if p.Lag.Seconds < 85 || p.Lag.Seconds > 90 {
		t.Errorf("behind by %f s", p.Lag.Seconds)
	}
	if p := d.PartitionLag[1]; *p.Lag != (server.Lag{}) {
		t.Errorf("%+v, lag %+v", p, p.Lag)
	}
	// Two thirds of what is to be read are deleted: Kafka's tools count them on.
	c.deleteRecords("t", 0, 8)
	b.apiAsk("GET", "/api/v1/groups/g", "", http.StatusOK, &d)
	if p := d.PartitionLag[0]; p.Lag.Records != 6 || p.Gone != 4 || p.Lag.Bytes != size || p.LogStart != 8 {
		t.Errorf("%+v, lag %+v", p, p.Lag)
	}
	// Whatever a group's name is.
	b.apiAsk("GET", "/api/v1/groups/odd%2F%C3%BC%3F%252f%0A", "", http.StatusOK, &d)
	if d.Group != "odd/\u00fc?%2f\n" || d.Lag.Records != 1 {
		t.Errorf("%+v", d)
	}
	var why server.GroupWhy
	b.apiAsk("GET", "/api/v1/groups/g/why", "", http.StatusOK, &why)
	if !strings.Contains(why.Summary, "nobody ever joined") || len(why.Reasons) > 0 {
		t.Errorf("%+v", why)
	}
	for path, status := range map[string]int{
		"/api/v1/groups/none":        http.StatusNotFound,
		"/api/v1/groups/none/why":    http.StatusNotFound,
		"/api/v1/groups/g?rate=1h":   http.StatusBadRequest,
		"/api/v1/groups/g?rate=fast": http.StatusBadRequest,
		"/api/v1/groups/g/other":     http.StatusNotFound,
	} {
		b.apiAsk("GET", path, "", status, &e)
	}
	for query, words := range map[string]string{
		"groups?state=stabel":             "state stabel is not known: it must be of Empty, Stable, Prep",
		"groups?state=stable,":            `state "" is not known`,
		"groups?type=KIP":                 "type KIP is not known: it must be of classic, consumer",
		"groups?states=empty":             "there is no parameter states: it must be of state, type",
		"groups?state=empty&state=stable": "the parameter state is there twice",
		"groups?state=%zz":                "the query: invalid URL escape",
		"groups/g?rte=1s":                 "there is no parameter rte: it must be of rate",
		"groups/g/why?rate=1s":            "there is no parameter rate: this takes none",
	} {
		b.apiAsk("GET", "/api/v1/"+query, "", http.StatusBadRequest, &e)
		if e.Code != "INVALID_REQUEST" || !strings.Contains(e.Message, words) {
			t.Errorf("%s: %+v, want %q", query, e, words)
		}
	}
	// A coordinator that has moved away or is loading is no "not found".
	for shard := range int32(4) {
		b.groups.Unload(shard)
	}
	b.apiAsk("GET", "/api/v1/groups/g", "", http.StatusServiceUnavailable, &e)
	if e.Code != "NOT_COORDINATOR" {
		t.Errorf("%+v", e)
	}
}

func (c *client) deleteRecords(topic string, partition int32, before int64) {
	c.tb.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{
		Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: partition, Offset: before}},
	}}
	resp := ask[*kmsg.DeleteRecordsResponse](c, 2, req)
	if code := protocol.ErrorCode(resp.Topics[0].Partitions[0].ErrorCode); code != protocol.NoError {
		c.tb.Fatalf("delete records: %s", code)
	}
}

// TestGroupWithMember is the whole answer about a group of a real client.
func TestGroupWithMember(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 2)
	for range 3 {
		c.produce("t", 0, "a", "b")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cl := newKgo(t, b, kgo.ClientID("app"), kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	poll(ctx, t, cl, map[string]int{}, 2) // "a" and "b", as often as they come
	cl.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{"t": {0: {Epoch: -1, Offset: 4}}}, nil)

	var got json.RawMessage
	b.apiAsk("GET", "/api/v1/groups/g", "", http.StatusOK, &got)
	text := string(got)
	for pattern, with := range map[string]string{
		`app-[0-9a-f-]{36}`:                  "MEMBER",
		`"\d{4}-\d\d-\d\dT[0-9:]+(\.\d+)?Z"`: `"TIME"`,
		`"seconds":[0-9.]+`:                  `"seconds":SECONDS`,
		`"bytes":` + "[1-9][0-9]*":           `"bytes":BYTES`,
		`"(sessionTimeout)":[0-9.]+`:         `"sessionTimeout":45`,
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, with)
	}
	want := `{"group":"g","type":"classic","mode":"cluster","state":"Stable","since":"TIME","protocolType":"consumer","protocol":"cooperative-sticky",` +
		`"generation":1,"members":1,"topics":1,"partitions":1,"lag":{"records":2,"bytes":BYTES,"seconds":SECONDS},"leader":"MEMBER",` +
		`"memberList":[{"member":"MEMBER","client":"app","host":"/127.0.0.1","heard":"TIME","expires":"TIME","sessionTimeout":45,` +
		`"subscription":["t"],"assignment":[{"topic":"t","partitions":[0,1]}],"lag":{"records":2,"bytes":BYTES,"seconds":SECONDS}}],` +
		`"partitionList":[{"topic":"t","partition":0,"committed":4,"committedAt":"TIME","logStart":0,"end":6,` +
		`"lag":{"records":2,"bytes":BYTES,"seconds":SECONDS},"member":"MEMBER","client":"app","host":"/127.0.0.1"},` +
		`{"topic":"t","partition":1,"committed":null,"logStart":0,"end":0,"lag":null,"member":"MEMBER","client":"app","host":"/127.0.0.1"}]}` + "\n"
	if d := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(text)); d != "" {
		t.Errorf("(-want +got) %s\n%s", d, text)
	}
	var why server.GroupWhy
	b.apiAsk("GET", "/api/v1/groups/g/why", "", http.StatusOK, &why)
	if !strings.HasPrefix(why.Summary, "stable for ") || !strings.HasSuffix(why.Summary, "nothing stands in its way") || len(why.Reasons) > 0 {
		t.Errorf("%+v", why)
	}
	var d server.GroupDetail
	b.apiAsk("GET", "/api/v1/groups/g?rate=100ms", "", http.StatusOK, &d)
	if d.Rate == nil || d.Rate.Consumed != 0 || d.Rate.Drain != nil || d.PartitionLag[0].Rate == nil || d.PartitionLag[1].Rate != nil {
		t.Errorf("%+v", d.Rate)
	}
}
