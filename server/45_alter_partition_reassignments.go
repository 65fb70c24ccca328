package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// AlterPartitionReassignments (key 45), versions 0 and 1.
//
// Versions:
//   - v1: a change of the number of replicas can be forbidden (KIP-860)
//
// With one broker a partition can only be moved to where it is, which is done
// at once; everything else is refused, and no reassignment is ever in progress.
func (s *Server) alterPartitionReassignments(c *call, req *kmsg.AlterPartitionAssignmentsRequest) {
	resp := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	resp.AllowReplicationFactorChange = req.AllowReplicationFactorChange
	resp.Topics = []kmsg.AlterPartitionAssignmentsResponseTopic{}
	img := s.meta.Image()
	for i := range req.Topics {
		asked := &req.Topics[i]
		out := kmsg.AlterPartitionAssignmentsResponseTopic{Topic: asked.Topic}
		t, _ := img.Topic(asked.Topic)
		for k := range asked.Partitions {
			p := kmsg.AlterPartitionAssignmentsResponseTopicPartition{Partition: asked.Partitions[k].Partition}
			if err := reassign(img, t, asked.Topic, &asked.Partitions[k], req.AllowReplicationFactorChange); err != nil {
				p.ErrorCode, p.ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
			}
			out.Partitions = append(out.Partitions, p)
		}
		resp.Topics = append(resp.Topics, out)
	}
	c.answer(resp)
}

// reassign says why a partition cannot be had where it is wanted; nil: it is there.
func reassign(
	img *cluster.Image, t *cluster.Topic, name string, p *kmsg.AlterPartitionAssignmentsRequestTopicPartition, resize bool,
) *protocol.Error {
	if err := noPartition(t, name, p.Partition); err != nil {
		return err
	}
	now := t.Partitions[p.Partition].Replicas
	if p.Replicas == nil {
		return protocol.Errorf(protocol.NoReassignmentInProgress, "Partition %d of topic '%s' is not being reassigned.", p.Partition, name)
	}
	if len(p.Replicas) == 0 {
		return protocol.Errorf(protocol.InvalidReplicaAssignment, "A partition must have at least one replica.")
	}
	for i, id := range p.Replicas {
		if slices.Contains(p.Replicas[:i], id) {
			return protocol.Errorf(protocol.InvalidReplicaAssignment, "Broker %d is named twice for partition %d of topic '%s'.", id, p.Partition, name)
		}
		if _, ok := img.Broker(model.BrokerID(id)); !ok {
			return protocol.Errorf(protocol.InvalidReplicaAssignment, "Broker %d is not part of the cluster.", id)
		}
	}
	if len(p.Replicas) != len(now) && !resize {
		return protocol.Errorf(protocol.InvalidReplicationFactor,
			"Partition %d of topic '%s' has %d replica(s), and this request forbids to change that to %d.", p.Partition, name, len(now), len(p.Replicas))
	}
	return nil
}
