package server_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// hinted is what an answer says of a partition's leader, as text.
func hinted(code int16, leader, epoch int32, brokers []kmsg.ProduceResponseBroker) string {
	text := protocol.ErrorCode(code).String()
	if leader >= 0 || epoch >= 0 {
		text += fmt.Sprintf(", led by %d in epoch %d", leader, epoch)
	}
	for _, b := range brokers {
		text += fmt.Sprintf(", %d is %s:%d", b.NodeID, b.Host, b.Port)
		if b.Rack != nil {
			text += " in " + *b.Rack
		}
	}
	return text
}

// producedTo asks for partition 0 and 1, of which the answers have to be alike.
func (c *client) producedTo(version int16, topic string, id [16]byte) string {
	c.tb.Helper()
	req := produceRequest(topic, 0, -1, batchOf(c.tb, "v"))
	req.Topics[0].TopicID = id
	req.Topics[0].Partitions = append(req.Topics[0].Partitions, kmsg.ProduceRequestTopicPartition{Partition: 1, Records: batchOf(c.tb, "v")})
	resp := ask[*kmsg.ProduceResponse](c, version, req)
	var texts []string
	for _, p := range resp.Topics[0].Partitions {
		texts = append(texts, hinted(p.ErrorCode, p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch, resp.Brokers))
	}
	if texts[0] != texts[1] {
		c.tb.Errorf("two partitions alike are answered %q", texts)
	}
	return texts[0]
}

// fetchedFrom asks for partition 0; session 0 asks for a new session.
func (c *client) fetchedFrom(version int16, topic string, id [16]byte, session, epoch, currentEpoch int32) (text string, newSession int32) {
	c.tb.Helper()
	req := fetchRequest(topic, 0, 0)
	req.SessionID, req.SessionEpoch = session, epoch
	req.Topics[0].TopicID, req.Topics[0].Partitions[0].CurrentLeaderEpoch = id, currentEpoch
	if session > 0 && currentEpoch < 0 {
		req.Topics = nil // those that the session has
	}
	resp := ask[*kmsg.FetchResponse](c, version, req)
	if len(resp.Topics) == 0 {
		return "nothing", resp.SessionID
	}
	p := resp.Topics[0].Partitions[0]
	brokers := make([]kmsg.ProduceResponseBroker, len(resp.Brokers))
	for i, b := range resp.Brokers {
		brokers[i] = kmsg.ProduceResponseBroker{NodeID: b.NodeID, Host: b.Host, Port: b.Port, Rack: b.Rack}
	}
	return hinted(p.ErrorCode, p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch, brokers), resp.SessionID
}

// TestLeaderHintsElsewhere: who asks a broker that does not lead the partition is told
// who does and where that is, in the versions in which Apache Kafka 4.2 says so (seen on two of
// its brokers): Produce from 10, Fetch from 16. The metadata names broker 1, and the
// partitions are made to take themselves for broker 7's.
func TestLeaderHintsElsewhere(t *testing.T) {
	b := startBroker(t, options{node: 7})
	c := b.dial()
	id := c.createTopic("t", 2)
	const bare = "NOT_LEADER_OR_FOLLOWER"
	whole := fmt.Sprintf("%s, led by 1 in epoch 0, 1 is %s", bare, b.addr)
	for version := int16(9); version <= 13; version++ {
		want := bare
		if version >= 10 {
			want = whole
		}
		if got := c.producedTo(version, "t", id); got != want {
			t.Errorf("produce v%d: %s, expected %s", version, got, want)
		}
	}
	for version := int16(11); version <= 18; version++ {
		want := bare
		if version >= 16 {
			want = whole
		}
		// An epoch that is wrong too changes nothing.
		for _, epoch := range []int32{-1, 0, 7} {
			if got, _ := c.fetchedFrom(version, "t", id, 0, -1, epoch); got != want {
				t.Errorf("fetch v%d, epoch %d: %s, expected %s", version, epoch, got, want)
			}
		}
	}
	// In a session too, with the first answer and all others.
	got, session := c.fetchedFrom(17, "t", id, 0, 0, -1)
	again, _ := c.fetchedFrom(17, "t", id, session, 1, -1)
	if d := cmp.Diff([]string{whole, whole}, []string{got, again}); d != "" || session == 0 {
		t.Errorf("in session %d: %s", session, d)
	}
}

// TestLeaderHintsUnknownAddress: a leader whose address this broker does not know is
// named, and no address is made up for it.
func TestLeaderHintsUnknownAddress(t *testing.T) {
	b := startBroker(t, options{node: 7, config: func(cfg *server.Config) { cfg.NodeID = 7 }})
	c := b.dial()
	id := c.createTopic("t", 2)
	const want = "NOT_LEADER_OR_FOLLOWER, led by 1 in epoch 0"
	if got := c.producedTo(13, "t", id); got != want {
		t.Errorf("produce: %s, expected %s", got, want)
	}
	if got, _ := c.fetchedFrom(18, "t", id, 0, -1, -1); got != want {
		t.Errorf("fetch: %s, expected %s", got, want)
	}
}

// TestLeaderHintsFenced: after an unclean start the leadership is another, and who
// comes with the old one is told which it is now.
func TestLeaderHintsFenced(t *testing.T) {
	disk := vfs.NewMem()
	must(t, disk.MkdirAll(dataDir))
	first := startBroker(t, options{fs: disk})
	c := first.dial()
	id := c.createTopic("t", 1)
	c.produce("t", 0, "v")
	b := startBroker(t, options{fs: disk.Clone().Kill()})
	c = b.dial()
	whole := fmt.Sprintf("FENCED_LEADER_EPOCH, led by 1 in epoch 1, 1 is %s", b.addr)
	for _, tc := range []struct {
		version int16
		epoch   int32
		want    string
	}{
		{11, 0, "FENCED_LEADER_EPOCH"},
		{15, 0, "FENCED_LEADER_EPOCH"},
		{16, 0, whole},
		{18, 0, whole},
		{18, 1, "NONE"},
		{18, 2, "UNKNOWN_LEADER_EPOCH"}, // the client knows more than this broker: no hint
		{18, -1, "NONE"},
	} {
		if got, _ := c.fetchedFrom(tc.version, "t", id, 0, -1, tc.epoch); got != tc.want {
			t.Errorf("fetch v%d, epoch %d: %s, expected %s", tc.version, tc.epoch, got, tc.want)
		}
	}
	if got := c.metadataOf("t")[0].LeaderEpoch; got != 1 {
		t.Errorf("Metadata says epoch %d, and the hints 1", got)
	}
	// Who takes itself for a replica is sent away too, but the epoch counts first.
	req := fetchRequest("t", 0, 0)
	req.Topics[0].TopicID, req.ReplicaState.ID = id, 77
	for epoch, want := range map[int32]string{-1: "NOT_LEADER_OR_FOLLOWER", 0: "FENCED_LEADER_EPOCH", 1: "UNKNOWN_LEADER_EPOCH"} {
		req.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch
		resp := ask[*kmsg.FetchResponse](c, 18, req)
		p := resp.Topics[0].Partitions[0]
		if got := protocol.ErrorCode(p.ErrorCode).String(); got != want || len(p.RecordBatches) > 0 || len(resp.Brokers) > 0 {
			t.Errorf("a replica with epoch %d: %s with %d bytes and brokers %v, expected %s", epoch, got, len(p.RecordBatches), resp.Brokers, want)
		}
	}
}
