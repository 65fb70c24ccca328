package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// unsupportedResponse makes the answer to a request in a version that is not
// served but that its client can read: UNSUPPORTED_VERSION where the version
// has room for an error. Nil: there is no such answer, close the connection.
//
// These are the versions that Kafka 4 dropped, and answers by hanging up: the
// clients that still send them cannot tell that from a broken network.
func unsupportedResponse(h protocol.RequestHeader, body []byte) kmsg.Response {
	if h.Key == protocol.KeyApiVersions {
		return protocol.ApiVersionsResponse(h.Version, nil, nil) // of version 0
	}
	if h.Version < 0 || h.Version >= oldestServed(h.Key) {
		return nil
	}
	// Clients as old as that ask for little.
	if need, err := protocol.Measure(h.Key, h.Version, body); err != nil || need > owedMax {
		return nil
	}
	req, err := protocol.DecodeMeasured(h.Key, h.Version, body)
	if err != nil {
		return nil
	}
	resp := refusal(req)
	if resp != nil {
		resp.SetVersion(h.Version)
	}
	return resp
}

// refusal makes the answer that says UNSUPPORTED_VERSION everywhere.
func refusal(req kmsg.Request) kmsg.Response {
	const code = int16(protocol.UnsupportedVersion)
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		return unsupportedProduce(req, code)
	case *kmsg.FetchRequest:
		return unsupportedFetch(req, code)
	case *kmsg.ListOffsetsRequest:
		return unsupportedListOffsets(req, code)
	case *kmsg.OffsetCommitRequest:
		return unsupportedCommit(req, code)
	case *kmsg.OffsetFetchRequest:
		return unsupportedOffsetFetch(req, code)
	case *kmsg.OffsetForLeaderEpochRequest:
		return unsupportedEpochs(req, code)
	case *kmsg.CreateTopicsRequest:
		resp := kmsg.NewPtrCreateTopicsResponse()
		resp.Topics = mapped(req.Topics, func(t kmsg.CreateTopicsRequestTopic) kmsg.CreateTopicsResponseTopic {
			return kmsg.CreateTopicsResponseTopic{Topic: t.Topic, ErrorCode: code}
		})
		return resp
	case *kmsg.DeleteTopicsRequest:
		resp := kmsg.NewPtrDeleteTopicsResponse()
		resp.Topics = mapped(req.TopicNames, func(name string) kmsg.DeleteTopicsResponseTopic {
			return kmsg.DeleteTopicsResponseTopic{Topic: &name, ErrorCode: code}
		})
		return resp
	case *kmsg.DescribeConfigsRequest:
		resp := kmsg.NewPtrDescribeConfigsResponse()
		resp.Resources = mapped(req.Resources, func(r kmsg.DescribeConfigsRequestResource) kmsg.DescribeConfigsResponseResource {
			return kmsg.DescribeConfigsResponseResource{
				ErrorCode: code, ErrorMessage: new(string), ResourceType: r.ResourceType, ResourceName: r.ResourceName,
			}
		})
		return resp
	}
	return nil
}

// oldestServed is the lowest version that has a handler.
func oldestServed(k protocol.Key) int16 {
	for _, a := range rows() {
		if a.key == k {
			return a.min
		}
	}
	return 0
}

func unsupportedProduce(req *kmsg.ProduceRequest, code int16) kmsg.Response {
	if req.Acks == 0 {
		return nil
	}
	resp := kmsg.NewPtrProduceResponse()
	resp.Topics = mapped(req.Topics, func(t kmsg.ProduceRequestTopic) kmsg.ProduceResponseTopic {
		return kmsg.ProduceResponseTopic{Topic: t.Topic, Partitions: mapped(t.Partitions, func(p kmsg.ProduceRequestTopicPartition) kmsg.ProduceResponseTopicPartition {
			return kmsg.ProduceResponseTopicPartition{Partition: p.Partition, ErrorCode: code, BaseOffset: -1, LogAppendTime: -1}
		})}
	})
	return resp
}

func unsupportedFetch(req *kmsg.FetchRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrFetchResponse()
	resp.Topics = mapped(req.Topics, func(t kmsg.FetchRequestTopic) kmsg.FetchResponseTopic {
		return kmsg.FetchResponseTopic{Topic: t.Topic, Partitions: mapped(t.Partitions, func(p kmsg.FetchRequestTopicPartition) kmsg.FetchResponseTopicPartition {
			return kmsg.FetchResponseTopicPartition{Partition: p.Partition, ErrorCode: code, HighWatermark: -1, RecordBatches: []byte{}}
		})}
	})
	return resp
}

func unsupportedListOffsets(req *kmsg.ListOffsetsRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrListOffsetsResponse()
	resp.Topics = mapped(req.Topics, func(t kmsg.ListOffsetsRequestTopic) kmsg.ListOffsetsResponseTopic {
		return kmsg.ListOffsetsResponseTopic{Topic: t.Topic, Partitions: mapped(t.Partitions, func(p kmsg.ListOffsetsRequestTopicPartition) kmsg.ListOffsetsResponseTopicPartition {
			return kmsg.ListOffsetsResponseTopicPartition{Partition: p.Partition, ErrorCode: code}
		})}
	})
	return resp
}

func unsupportedCommit(req *kmsg.OffsetCommitRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Topics = mapped(req.Topics, func(t kmsg.OffsetCommitRequestTopic) kmsg.OffsetCommitResponseTopic {
		return kmsg.OffsetCommitResponseTopic{Topic: t.Topic, Partitions: mapped(t.Partitions, func(p kmsg.OffsetCommitRequestTopicPartition) kmsg.OffsetCommitResponseTopicPartition {
			return kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: code}
		})}
	})
	return resp
}

func unsupportedOffsetFetch(req *kmsg.OffsetFetchRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrOffsetFetchResponse()
	resp.Topics = mapped(req.Topics, func(t kmsg.OffsetFetchRequestTopic) kmsg.OffsetFetchResponseTopic {
		return kmsg.OffsetFetchResponseTopic{Topic: t.Topic, Partitions: mapped(t.Partitions, func(p int32) kmsg.OffsetFetchResponseTopicPartition {
			return kmsg.OffsetFetchResponseTopicPartition{Partition: p, Offset: -1, Metadata: new(string), ErrorCode: code}
		})}
	})
	return resp
}

func unsupportedEpochs(req *kmsg.OffsetForLeaderEpochRequest, code int16) kmsg.Response {
	resp := kmsg.NewPtrOffsetForLeaderEpochResponse()
	resp.Topics = mapped(req.Topics, func(t kmsg.OffsetForLeaderEpochRequestTopic) kmsg.OffsetForLeaderEpochResponseTopic {
		return kmsg.OffsetForLeaderEpochResponseTopic{Topic: t.Topic, Partitions: mapped(t.Partitions, func(p kmsg.OffsetForLeaderEpochRequestTopicPartition) kmsg.OffsetForLeaderEpochResponseTopicPartition {
			return kmsg.OffsetForLeaderEpochResponseTopicPartition{Partition: p.Partition, ErrorCode: code, LeaderEpoch: -1, EndOffset: -1}
		})}
	})
	return resp
}
