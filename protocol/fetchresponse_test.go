package protocol

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// encodeFetch feeds a kmsg answer through the encoder, and puts the records
// where the cuts say.
func encodeFetch(version int16, resp *kmsg.FetchResponse, prefix string) []byte {
	var e FetchEncoder
	e.Begin([]byte(prefix), version, FetchHead{
		Correlation: 9, ThrottleMillis: resp.ThrottleMillis, Error: ErrorCode(resp.ErrorCode),
		SessionID: resp.SessionID, Topics: len(resp.Topics),
	})
	var records []byte
	for _, topic := range resp.Topics {
		e.Topic(topic.Topic, topic.TopicID, len(topic.Partitions))
		for _, p := range topic.Partitions {
			e.Partition(partitionOf(p), len(p.RecordBatches))
			records = append(records, p.RecordBatches...)
		}
	}
	var endpoints []NodeEndpoint
	for _, b := range resp.Brokers {
		endpoints = append(endpoints, NodeEndpoint{Node: model.BrokerID(b.NodeID), Host: b.Host, Port: b.Port, Rack: b.Rack})
	}
	buf, cuts := e.End(endpoints)
	var out []byte
	at := 0
	for _, c := range cuts {
		out = append(out, buf[at:c.At]...)
		out = append(out, records[:c.Records]...)
		at, records = c.At, records[c.Records:]
	}
	return append(out, buf[at:]...)
}

func partitionOf(p kmsg.FetchResponseTopicPartition) FetchPartition {
	f := FetchPartition{
		Index: p.Partition, Error: ErrorCode(p.ErrorCode),
		HighWatermark: model.Offset(p.HighWatermark), LastStableOffset: model.Offset(p.LastStableOffset),
		LogStartOffset: model.Offset(p.LogStartOffset), PreferredReadReplica: model.BrokerID(p.PreferredReadReplica),
	}
	if p.AbortedTransactions != nil {
		f.Aborted = []AbortedTransaction{}
	}
	for _, a := range p.AbortedTransactions {
		f.Aborted = append(f.Aborted, AbortedTransaction{model.ProducerID(a.ProducerID), model.Offset(a.FirstOffset)})
	}
	if d := p.DivergingEpoch; d.Epoch != -1 {
		f.DivergingEpoch = &EpochEndOffset{model.LeaderEpoch(d.Epoch), model.Offset(d.EndOffset)}
	}
	if l := p.CurrentLeader; l.LeaderID != -1 {
		f.CurrentLeader = &LeaderHint{model.BrokerID(l.LeaderID), model.LeaderEpoch(l.LeaderEpoch)}
	}
	if s := p.SnapshotID; s.EndOffset != -1 {
		f.Snapshot = &EpochEndOffset{model.LeaderEpoch(s.Epoch), model.Offset(s.EndOffset)}
	}
	return f
}

// TestFetchEncoderAgainstKmsg: byte for byte what kmsg encodes, in every
// version, for random answers.
func TestFetchEncoderAgainstKmsg(t *testing.T) {
	for version := int16(FetchVersionMin); version <= FetchVersionMax; version++ {
		f := filler{Rand: rand.New(rand.NewPCG(7, uint64(version))), elements: 3}
		for range 300 {
			resp := kmsg.NewPtrFetchResponse()
			f.fill(reflect.ValueOf(resp).Elem())
			resp.SetVersion(version)
			for i := range resp.Topics {
				for j := range resp.Topics[i].Partitions {
					if p := &resp.Topics[i].Partitions[j]; f.IntN(2) == 0 { // half without tagged fields
						p.DivergingEpoch.Default()
						p.CurrentLeader.Default()
						p.SnapshotID.Default()
					}
				}
			}
			if version < 16 {
				resp.Brokers = nil // kmsg encodes them from v12 on
			}
			got := encodeFetch(version, resp, "before")
			want := AppendResponse([]byte("before"), 9, resp, KeyFetch.FlexibleResponseHeader(version))
			if string(got) != string(want) {
				t.Fatalf("v%d: of %+v\ngot  %x\nwant %x", version, resp, got, want)
			}
		}
	}
}

// TestFetchEncoderDecoded is the same thing the other way round, for one
// answer with everything in it.
func TestFetchEncoderDecoded(t *testing.T) {
	resp := kmsg.NewPtrFetchResponse()
	resp.ThrottleMillis, resp.SessionID = 3, 4
	resp.Topics = []kmsg.FetchResponseTopic{{Topic: "orders", TopicID: [16]byte{1, 2}, Partitions: []kmsg.FetchResponseTopicPartition{
		kmsg.NewFetchResponseTopicPartition(), kmsg.NewFetchResponseTopicPartition(),
	}}}
	p := resp.Topics[0].Partitions
	p[0].HighWatermark, p[0].LastStableOffset, p[0].LogStartOffset = 100, 90, 10
	p[0].RecordBatches = []byte(strings.Repeat("r", 300))
	p[0].AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 5, FirstOffset: 95}}
	p[1].Partition, p[1].ErrorCode, p[1].RecordBatches = 1, int16(NotLeaderOrFollower), []byte{}
	p[1].CurrentLeader.LeaderID, p[1].CurrentLeader.LeaderEpoch = 2, 7
	rack := "north"
	resp.Brokers = []kmsg.FetchResponseBroker{{NodeID: 2, Host: "two.example", Port: 9092, Rack: &rack}, {NodeID: 3, Host: "three.example", Port: 9092}}
	for version := int16(FetchVersionMin); version <= FetchVersionMax; version++ {
		out := encodeFetch(version, resp, "")
		if size := binary.BigEndian.Uint32(out); int(size) != len(out)-4 {
			t.Errorf("v%d: the frame says %d bytes and has %d", version, size, len(out)-4)
		}
		head := 8
		if KeyFetch.FlexibleResponseHeader(version) {
			head = 9
		}
		got := kmsg.NewPtrFetchResponse()
		got.SetVersion(version)
		if err := got.ReadFrom(out[head:]); err != nil {
			t.Fatalf("v%d: %v", version, err)
		}
		if diff := cmp.Diff(inVersion(resp, version), got, cmpopts.IgnoreUnexported(kmsg.Tags{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("v%d: %s", version, diff)
		}
	}
}

// inVersion is what can be known of the answer when it went through a version.
func inVersion(resp *kmsg.FetchResponse, version int16) *kmsg.FetchResponse {
	r := *resp
	r.Version = version
	r.Topics = []kmsg.FetchResponseTopic{resp.Topics[0]}
	topic := &r.Topics[0]
	topic.Partitions = append([]kmsg.FetchResponseTopicPartition(nil), topic.Partitions...)
	if version < 7 {
		r.SessionID = 0
	}
	if version >= 13 {
		topic.Topic = ""
	} else {
		topic.TopicID = [16]byte{}
	}
	if version < 16 {
		r.Brokers = nil
	}
	if version < 1 {
		r.ThrottleMillis = 0
	}
	for i := range topic.Partitions {
		if version < 4 {
			topic.Partitions[i].LastStableOffset, topic.Partitions[i].AbortedTransactions = -1, nil
		}
		if version < 5 {
			topic.Partitions[i].LogStartOffset = -1
		}
		if version < 12 {
			topic.Partitions[i].CurrentLeader.Default()
		}
	}
	return &r
}

func TestFetchEncoderReportsMistakes(t *testing.T) {
	for name, misuse := range map[string]func(e *FetchEncoder){
		"a version that is not served": func(e *FetchEncoder) { e.Begin(nil, FetchVersionMax+1, FetchHead{}) },
		"a topic too many":             func(e *FetchEncoder) { e.Begin(nil, 4, FetchHead{}); e.Topic("t", model.TopicID{}, 0) },
		"a topic too few":              func(e *FetchEncoder) { e.Begin(nil, 4, FetchHead{Topics: 1}); e.End(nil) },
		"a partition too few": func(e *FetchEncoder) {
			e.Begin(nil, 4, FetchHead{Topics: 1})
			e.Topic("t", model.TopicID{}, 1)
			e.End(nil)
		},
		"a partition too many": func(e *FetchEncoder) {
			e.Begin(nil, 4, FetchHead{Topics: 1})
			e.Topic("t", model.TopicID{}, 0)
			e.Partition(FetchPartition{}, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("nobody noticed")
				}
			}()
			misuse(&FetchEncoder{})
		})
	}
}

func TestFetchEncoderAllocatesNothing(t *testing.T) {
	var e FetchEncoder
	buf := make([]byte, 0, 64<<10)
	encode := func() {
		e.Begin(buf, 12, FetchHead{Topics: 10})
		for range 10 {
			e.Topic("a-topic", model.TopicID{}, 10)
			for i := range int32(10) {
				e.Partition(FetchPartition{Index: i, CurrentLeader: &LeaderHint{Leader: 1, Epoch: 2}}, 1000)
			}
		}
		e.End(nil)
	}
	encode()
	if n := testing.AllocsPerRun(100, encode); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
