package server

import (
	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// OffsetsRefusal has the partitions of __consumer_offsets judge what the groups' shards
// are about to record of transactions: it is coordinator.Env's Refuses.
func OffsetsRefusal(ps *replication.Partitions) func(int32, *shard.Txn, coordinator.TxnAhead) protocol.ErrorCode {
	return func(index int32, of *shard.Txn, ahead coordinator.TxnAhead) protocol.ErrorCode {
		p, err := ps.Find(cluster.OffsetsTopic, index)
		switch {
		case err != nil:
			return protocol.CoordinatorNotAvailable
		case of.End == shard.EndNone:
			err = p.RefusesOffsets(of.Producer, of.Epoch, replication.Ahead(ahead))
		default:
			err = p.RefusesMarker(&replication.Marker{
				Partition: p, Producer: of.Producer, Epoch: of.Epoch, Commit: of.End == shard.EndCommit,
				CoordinatorEpoch: of.CoordinatorEpoch, BumpedEpoch: of.BumpedEpoch,
			}, replication.Ahead(ahead))
		}
		return protocol.CodeOf(errorOrNil(err))
	}
}
