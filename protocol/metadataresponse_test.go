package protocol

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// ownMetadata says the same as kmsg's answer.
func ownMetadata(resp *kmsg.MetadataResponse) *MetadataResponse {
	own := &MetadataResponse{MetadataResponse: *resp}
	own.Topics = nil
	for _, t := range resp.Topics {
		own.List = append(own.List, MetadataTopic{
			Error: ErrorCode(t.ErrorCode), Name: t.Topic, ID: t.TopicID, Internal: t.IsInternal,
			Operations: t.AuthorizedOperations, Partitions: len(t.Partitions),
			Partition: func(i int) MetadataPartition {
				p := &t.Partitions[i]
				return MetadataPartition{
					Index: p.Partition, Leader: model.BrokerID(p.Leader), LeaderEpoch: model.LeaderEpoch(p.LeaderEpoch),
					Replicas: modelBrokers(p.Replicas), ISR: modelBrokers(p.ISR),
				}
			},
		})
	}
	return own
}

func modelBrokers(ids []int32) []model.BrokerID {
	out := make([]model.BrokerID, len(ids))
	for i, id := range ids {
		out[i] = model.BrokerID(id)
	}
	return out
}

// TestMetadataAgainstKmsg: byte for byte what kmsg encodes, in every version,
// for random answers.
func TestMetadataAgainstKmsg(t *testing.T) {
	for version := int16(0); version <= 13; version++ {
		f := filler{Rand: rand.New(rand.NewPCG(11, uint64(version))), elements: 3}
		for range 300 {
			resp := kmsg.NewPtrMetadataResponse()
			f.fill(reflect.ValueOf(resp).Elem())
			resp.SetVersion(version)
			for i := range resp.Topics {
				for j := range resp.Topics[i].Partitions {
					p := &resp.Topics[i].Partitions[j]
					if j > 0 && f.IntN(2) == 0 { // half are like the one before
						index := p.Partition
						*p = resp.Topics[i].Partitions[j-1]
						p.Partition = index
					}
					p.ErrorCode = 0
					p.OfflineReplicas = []int32{}
					if p.Replicas == nil {
						p.Replicas = []int32{}
					}
					if p.ISR == nil {
						p.ISR = []int32{}
					}
				}
				if resp.Topics[i].Partitions == nil {
					resp.Topics[i].Partitions = []kmsg.MetadataResponseTopicPartition{}
				}
			}
			flexible := KeyMetadata.FlexibleResponseHeader(version)
			got := AppendResponse([]byte("before"), 9, ownMetadata(resp), flexible)
			want := AppendResponse([]byte("before"), 9, resp, flexible)
			if string(got) != string(want) {
				t.Fatalf("v%d: of %+v\ngot  %x\nwant %x", version, resp, got, want)
			}
		}
	}
}

// BenchmarkMetadata encodes an answer for 100,000 partitions.
func BenchmarkMetadata(b *testing.B) {
	own := &MetadataResponse{}
	own.SetVersion(12)
	name, here := "a-topic", []model.BrokerID{1}
	for range 100 {
		own.List = append(own.List, MetadataTopic{Name: &name, Partitions: 1000, Partition: func(i int) MetadataPartition {
			return MetadataPartition{Index: int32(i), Leader: 1, Replicas: here, ISR: here}
		}})
	}
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(AppendResponse(nil, 1, own, true))))
	}
}
