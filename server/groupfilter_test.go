package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/server"
)

func shownOf(d *server.GroupDetail) string {
	shown := ""
	list := func(partitions []server.GroupPartition) {
		for _, p := range partitions {
			shown += fmt.Sprintf("%s-%d ", p.Topic, p.Partition)
		}
	}
	list(d.PartitionLag)
	for _, c := range d.Cells {
		shown += strings.TrimPrefix(c.Group, d.Group) + ": "
		list(c.PartitionLag)
	}
	return strings.TrimSpace(shown)
}

// TestGroupFilter: what is left out of a group's partitions, and that the sums are
// of all of them.
func TestGroupFilter(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 3)
	c.createTopic("u", 1)
	c.coordinate("g")
	c.produce("t", 1, "a", "b")
	c.produce("u", 0, "a", "b")
	for p := range int32(3) {
		c.commit("g", "t", p, 0)
	}
	c.commit("g", "u", 0, 1)
	for query, want := range map[string]string{
		"":                            "t-0 t-1 t-2 u-0",
		"?lagging=true":               "t-1 u-0",
		"?lagging=false":              "t-0 t-1 t-2 u-0",
		"?topics=t":                   "t-0 t-1 t-2",
		"?topics=u,%20t&lagging=true": "t-1 u-0",
		"?topics=t&lagging=1":         "t-1",
		"?topics=u&rate=100ms":        "u-0",
	} {
		var d server.GroupDetail
		b.apiAsk("GET", "/api/v1/groups/g"+query, "", http.StatusOK, &d)
		if got := shownOf(&d); got != want || d.Hidden != 4-len(d.PartitionLag) || d.Lag.Records != 3 || d.Partitions != 4 {
			t.Errorf("%s: %s, %d hidden; the group: %+v", query, got, d.Hidden, d.GroupSummary)
		}
	}
	for query, want := range map[string]struct {
		status int
		words  string
	}{
		"?topics=":       {http.StatusBadRequest, "the list of topics is empty"},
		"?topics=t,v":    {http.StatusNotFound, "group g has committed nothing of topic v"},
		"?lagging=maybe": {http.StatusBadRequest, "lagging=maybe must be true or false"},
	} {
		var e server.APIError
		b.apiAsk("GET", "/api/v1/groups/g"+query, "", want.status, &e)
		if !strings.Contains(e.Message, want.words) {
			t.Errorf("%s: %+v", query, e)
		}
	}
}

// TestBroadcastGroupFilter: of a broadcast group the members with nothing to read are
// left out, too.
func TestBroadcastGroupFilter(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	c.produce("t", 0, "a", "b")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	setConsumeMode(ctx, t, newKgo(t, b), "g", "broadcast")
	for client, offset := range map[string]int64{"x": 1, "y": 2} {
		cl := newKgo(t, b, kgo.ClientID(client), kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		poll(ctx, t, cl, map[string]int{}, 2)
		cl.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{"t": {0: {Epoch: -1, Offset: offset}}}, nil)
	}
	for query, want := range map[string]struct {
		shown  string
		hidden int
	}{
		"?topics=t":     {"t-0 ::member::c:x@127.0.0.1#0: t-0 ::member::c:y@127.0.0.1#0: t-0", 0},
		"?lagging=true": {"t-0 ::member::c:x@127.0.0.1#0: t-0", 1},
	} {
		var d server.GroupDetail
		b.apiAsk("GET", "/api/v1/groups/g"+query, "", http.StatusOK, &d)
		if got := shownOf(&d); got != want.shown || d.Hidden != want.hidden {
			t.Errorf("%s: %s, %d hidden; want %+v", query, got, d.Hidden, want)
		}
	}
}
