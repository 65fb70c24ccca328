package cluster

import (
	"encoding/binary"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// PartitionsMax bounds the partitions of one topic: a request may claim any
// number, and each takes memory in every broker.
const PartitionsMax = 100_000

// run is a stretch of partitions with consecutive ids that are led and
// replicated alike; on one node a topic is one run whatever its size.
type run struct {
	first    model.PartitionID
	count    int32
	leader   model.BrokerID
	epoch    model.LeaderEpoch
	starts   uint32 // Partition.EpochUncleanStarts
	replicas []model.BrokerID
	isr      []model.BrokerID
}

// last is the highest partition id of the run.
func (r run) last() model.PartitionID { return r.first + model.PartitionID(r.count) - 1 }

// continues reports whether p belongs to the run as its next partition.
func (r run) continues(p Partition) bool {
	return p.ID == r.last()+1 && p.Leader == r.leader && p.LeaderEpoch == r.epoch &&
		p.EpochUncleanStarts == r.starts && slices.Equal(p.Replicas, r.replicas) && slices.Equal(p.ISR, r.isr)
}

// toRuns packs partitions.
func toRuns(ps []Partition) []run {
	var runs []run
	for _, p := range ps {
		if n := len(runs); n > 0 && runs[n-1].continues(p) {
			runs[n-1].count++
			continue
		}
		runs = append(runs, run{
			first: p.ID, count: 1, leader: p.Leader, epoch: p.LeaderEpoch,
			starts: p.EpochUncleanStarts, replicas: p.Replicas, isr: p.ISR,
		})
	}
	return runs
}

// appendRuns unpacks runs behind ps. Partitions of a run share their slices.
func appendRuns(ps []Partition, runs []run) []Partition {
	n := 0
	for _, r := range runs {
		n += int(r.count)
	}
	ps = slices.Grow(ps[:len(ps):len(ps)], n)
	for _, r := range runs {
		for i := range r.count {
			ps = append(ps, Partition{
				ID: r.first + model.PartitionID(i), Index: int32(len(ps)), Leader: r.leader,
				LeaderEpoch: r.epoch, EpochUncleanStarts: r.starts, Replicas: r.replicas, ISR: r.isr,
			})
		}
	}
	return ps
}

func putRuns(b []byte, runs []run) []byte {
	b = binary.AppendUvarint(b, uint64(len(runs)))
	for _, r := range runs {
		b = binary.AppendUvarint(b, uint64(r.first))
		b = binary.AppendUvarint(b, uint64(r.count))
		b = putInt(b, int64(r.leader))
		b = putInt(b, int64(r.epoch))
		b = binary.AppendUvarint(b, uint64(r.starts))
		b = putBrokers(putBrokers(b, r.replicas), r.isr)
	}
	return b
}

func (d *decoder) runs() []run {
	n := d.length(7)
	var (
		runs  []run
		total int64
	)
	for range n {
		r := run{
			first:  model.PartitionID(d.uvarint(maxUint32)),
			count:  int32(d.uvarint(PartitionsMax)),
			leader: d.broker(),
			epoch:  model.LeaderEpoch(d.int(0, maxInt32)),
			starts: uint32(d.uvarint(maxUint32)),
		}
		r.replicas, r.isr = d.brokers(), d.brokers()
		total += int64(r.count)
		if d.err == nil && (r.first == 0 || r.count == 0 || r.last() < r.first || total > PartitionsMax) {
			d.fail("impossible partition ids")
		}
		if d.err != nil {
			return nil
		}
		runs = append(runs, r)
	}
	return runs
}

// topicRecord creates a topic with all its partitions.
type topicRecord struct {
	id       model.TopicID
	name     string
	internal bool
	configs  map[string]string
	runs     []run
}

func (topicRecord) kind() recordKind { return kindTopic }

func (r topicRecord) encode(b []byte) []byte {
	b = putBool(putString(append(b, r.id[:]...), r.name), r.internal)
	return putRuns(putStrings(b, r.configs), r.runs)
}

// topicDeletedRecord deletes a topic and tombstones its partition ids.
type topicDeletedRecord struct{ id model.TopicID }

func (topicDeletedRecord) kind() recordKind { return kindTopicDeleted }

func (r topicDeletedRecord) encode(b []byte) []byte { return append(b, r.id[:]...) }

// partitionsRecord adds partitions to a topic.
type partitionsRecord struct {
	id   model.TopicID
	runs []run
}

func (partitionsRecord) kind() recordKind { return kindPartitions }

func (r partitionsRecord) encode(b []byte) []byte { return putRuns(append(b, r.id[:]...), r.runs) }

// partitionIDsRecord is the state of the partition ids, for snapshots.
type partitionIDsRecord struct {
	next    model.PartitionID
	dropped idRanges
}

func (partitionIDsRecord) kind() recordKind { return kindPartitionIDs }

func (r partitionIDsRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.next))
	b = binary.AppendUvarint(b, uint64(len(r.dropped)))
	for _, e := range r.dropped {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(e.From)), uint64(e.To))
	}
	return b
}

func decodePartitionIDs(d *decoder) record {
	r := partitionIDsRecord{next: model.PartitionID(d.uvarint(maxUint32))}
	n := d.length(2)
	for range n {
		e := idRange{From: model.PartitionID(d.uvarint(maxUint32)), To: model.PartitionID(d.uvarint(maxUint32))}
		ordered := len(r.dropped) == 0 || r.dropped[len(r.dropped)-1].To < e.From
		if d.err == nil && (e.From == 0 || e.To < e.From || e.To >= r.next || !ordered) {
			d.fail("impossible partition ids")
		}
		if d.err != nil {
			break
		}
		r.dropped = append(r.dropped, e)
	}
	return r
}
