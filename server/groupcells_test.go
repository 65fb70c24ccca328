package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/server"
)

// TestGroupCells: a broadcast group is shown as one, with what each member has
// consumed, also one that is away.
func TestGroupCells(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	for range 5 {
		c.produce("t", 0, "a", "b")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	admin := newKgo(t, b)
	setConsumeMode(ctx, t, admin, "g", "broadcast")
	at := func(client string, offset int64) *kgo.Client {
		cl := newKgo(t, b, kgo.ClientID(client), kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		poll(ctx, t, cl, map[string]int{}, 2)
		cl.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{"t": {0: {Epoch: -1, Offset: offset}}}, nil)
		return cl
	}
	at("x", 4)
	at("y", 7)
	at("z", 9).Close()

	var d server.GroupDetail
	b.apiAsk("GET", "/api/v1/groups/g", "", http.StatusOK, &d)
	if d.Mode != "broadcast" || d.Members != 2 || d.Lag.Records != 6 || len(d.PartitionLag) != 1 || d.PartitionLag[0].Member != "" {
		t.Errorf("the group: %+v", d)
	}
	type shown struct {
		group     string
		atWork    bool
		lag       int64
		committed int64
	}
	want := []shown{
		{"g::member::c:x@127.0.0.1#0", true, 6, 4}, {"g::member::c:y@127.0.0.1#0", true, 3, 7}, {"g::member::c:z@127.0.0.1#0", false, 1, 9},
	}
	if len(d.Cells) != len(want) {
		t.Fatalf("members' groups: %+v", d.Cells)
	}
	for i, cell := range d.Cells {
		got := shown{cell.Group, cell.Member != "", cell.Lag.Records, *cell.PartitionLag[0].Committed}
		if got != want[i] {
			t.Errorf("%+v, want %+v", got, want[i])
		}
	}
	for _, m := range d.MemberList {
		if lag := map[string]int64{"x": 6, "y": 3}[m.Client]; m.Lag.Records != lag {
			t.Errorf("%s is %d behind, want %d", m.Client, m.Lag.Records, lag)
		}
	}
	few, err := server.DescribeUpTo(ctx, b.server, "g", 1)
	must(t, err)
	for i, cell := range few.Cells {
		if listed := i == 0; (cell.PartitionLag != nil) != listed || cell.Lag.Unmeasured == listed || cell.Lag.Records != want[i].lag {
			t.Errorf("beyond the bound: %+v", cell)
		}
	}
	for _, m := range few.MemberList {
		if m.Lag.Unmeasured != (m.Client == "y") {
			t.Errorf("beyond the bound: %+v", m)
		}
	}
	if few.Lag.Unmeasured {
		t.Errorf("the group itself: %+v", few.Lag)
	}
	var cell server.GroupDetail
	b.apiAsk("GET", "/api/v1/groups/"+"g::member::c:y@127.0.0.1%230", "", http.StatusOK, &cell)
	if cell.Mode != "member" || cell.Members != 1 || cell.Lag.Records != 3 || len(cell.Cells) > 0 {
		t.Errorf("a member's group: %+v", cell)
	}
}

// TestBroadcastReset: what is planned for a broadcast group is what becomes of all
// its members.
func TestBroadcastReset(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 2)
	for range 5 {
		c.produce("t", 0, "a", "b")
	}
	c.produce("t", 1, "a", "b")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	setConsumeMode(ctx, t, newKgo(t, b), "g", "broadcast")
	at := map[string]int64{"x": 4, "y": 7, "z": 9}
	for client, offset := range at {
		cl := newKgo(t, b, kgo.ClientID(client), kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		poll(ctx, t, cl, map[string]int{}, 2)
		commit := map[int32]kgo.EpochOffset{0: {Epoch: -1, Offset: offset}}
		if client == "y" {
			commit[1] = kgo.EpochOffset{Epoch: -1, Offset: 1}
		}
		cl.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{"t": commit}, nil)
		cl.Close()
	}
	const path = "/api/v1/groups/g/reset"
	var e server.APIError
	b.apiAsk("POST", path, `{"to":"-2"}`, http.StatusBadRequest, &e)
	if !strings.Contains(e.Message, "one by one, by their names") {
		t.Errorf("%+v", e)
	}
	for _, request := range []string{`"to":"5","topics":["t"]`, `"offsets":{"t":{"0":5,"1":2}}`} {
		var plan server.ResetPlan
		b.apiAsk("POST", path, `{`+request+`,"dryRun":true}`, http.StatusOK, &plan)
		want := "t-0 4>5 again=6 skipped=1 (of all 3 members, at 4 to 9); " +
			"t-1 1>2 again=0 skipped=1 (of all 3 members, 1 of them at 1 to 1"
		if got := resetText(&plan); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", request, got)
		}
	}
	var done server.ResetPlan
	b.apiAsk("POST", path, `{"to":"5","topics":["t"]}`, http.StatusOK, &done)
	for client := range at {
		if now := b.committed("g::member::c:" + client + "@127.0.0.1%230"); now != "t-0=5 t-1=2 " {
			t.Errorf("%s: %s", client, now)
		}
	}
	c.coordinate("h")
	c.commit("h", "t", 0, 3)
	var plain server.ResetPlan
	b.apiAsk("POST", "/api/v1/groups/h/reset", `{"to":"5","topics":["t"],"dryRun":true}`, http.StatusOK, &plain)
	if p := plain.Partitions[0]; p.Skipped != 2 || p.Note != "" {
		t.Errorf("a group of no cells: %+v", p)
	}
}
