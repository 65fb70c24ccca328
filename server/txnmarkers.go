package server

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// Markers writes the end markers of transactions into the partitions. Who asks is
// often on a goroutine of the log, which has others to serve: jobs wait in a queue,
// and one task at a time works it off, so that they come in their order.
type Markers struct {
	partitions *replication.Partitions
	groups     *coordinator.Groups
	tasks      tasks

	commits, aborts atomic.Uint64 // written

	mu      sync.Mutex
	queue   []markerWork
	running bool // a task works the queue off
}

type markerWork struct {
	job  txn.MarkerJob
	done func([]*protocol.Error)
}

// NewMarkers writes into the partitions of a broker. Those of __consumer_offsets get
// theirs from the groups' shards: a marker has to stand behind the commits that are on
// their way.
func NewMarkers(partitions *replication.Partitions, groups *coordinator.Groups) *Markers {
	return &Markers{partitions: partitions, groups: groups}
}

// Write has the markers of a job written, behind those of all earlier jobs, and
// calls done once with what became of each, in their order: nil when it is below
// its partition's high watermark. No partition is there twice. It does not block.
func (m *Markers) Write(job txn.MarkerJob, done func([]*protocol.Error)) {
	m.mu.Lock()
	m.queue = append(m.queue, markerWork{job, done})
	start := !m.running
	m.running = true
	m.mu.Unlock()
	if start {
		m.tasks.run(m.work)
	}
}

// Finish is Write for the coordinator of a transaction, for which a refusal is an end
// only where nothing of the transaction is open any more: what it calls over, readers
// of committed data must not wait for. INVALID_TXN_STATE: it is open all the same, as
// after a marker of a coordinator that never was.
func (m *Markers) Finish(job txn.MarkerJob, done func([]*protocol.Error)) {
	m.Write(job, func(outcomes []*protocol.Error) {
		for i, tp := range job.Partitions {
			switch protocol.CodeOf(errorOrNil(outcomes[i])) { //nolint:exhaustive // Others are no refusals.
			case protocol.InvalidProducerEpoch, protocol.TransactionCoordinatorFenced:
				if p, gone := m.partitions.Find(tp.Topic, tp.Partition); gone == nil && openIn(p, &job) {
					outcomes[i] = protocol.Errorf(protocol.InvalidTxnState, "the transaction stays open there: %s", outcomes[i].Message)
				}
			}
		}
		done(outcomes)
	})
}

// openIn reports whether the transaction that a job ends is open in a partition.
func openIn(p *replication.Partition, job *txn.MarkerJob) bool {
	return slices.ContainsFunc(p.OpenTxns(), func(o replication.OpenTxn) bool {
		// With the bumped epoch the producer has begun its next one.
		next := o.Epoch > job.Producer.Epoch || o.Epoch == job.Producer.Epoch && job.BumpedEpoch
		return o.Producer == job.Producer.ID && !next
	})
}

// work is the task.
func (m *Markers) work() {
	for {
		m.mu.Lock()
		jobs := m.queue
		m.queue, m.running = nil, len(jobs) > 0
		m.mu.Unlock()
		if len(jobs) == 0 {
			return
		}
		for i := range jobs {
			m.write(&jobs[i])
		}
	}
}

// write queues the markers of one job with the log, and with groups.
func (m *Markers) write(w *markerWork) {
	outcomes := make([]*protocol.Error, len(w.job.Partitions))
	places := make([]int, 0, len(outcomes))
	markers := make([]replication.Marker, 0, len(outcomes))
	var offsets []int // places of those that groups have to write
	for i, tp := range w.job.Partitions {
		p, gone := m.partitions.Find(tp.Topic, tp.Partition)
		switch {
		case gone != nil:
			outcomes[i] = gone
		case tp.Topic != cluster.OffsetsTopic:
			places, markers = append(places, i), append(markers, replication.Marker{
				Partition: p, Producer: w.job.Producer.ID, Epoch: w.job.Producer.Epoch, Commit: w.job.Commit,
				CoordinatorEpoch: w.job.CoordinatorEpoch, BumpedEpoch: w.job.BumpedEpoch,
			})
		default:
			offsets = append(offsets, i)
		}
	}
	done, commit := w.done, w.job.Commit
	all := shard.NewGather(1+len(offsets), func() {
		m.count(commit, outcomes)
		done(outcomes)
	})
	for _, i := range offsets {
		m.endOffsets(&w.job, w.job.Partitions[i].Partition, func(failed *protocol.Error) {
			outcomes[i] = failed
			all.Done()
		})
	}
	m.partitions.AppendMarkers(markers, func(results []replication.MarkerResult) {
		for i := range results {
			outcomes[places[i]] = results[i].Err
		}
		all.Done()
	})
}

func (m *Markers) count(commit bool, outcomes []*protocol.Error) {
	written := uint64(0)
	for _, failed := range outcomes {
		if failed == nil {
			written++
		}
	}
	if commit {
		m.commits.Add(written)
	} else {
		m.aborts.Add(written)
	}
}

// Written is how many markers were written, by what they say.
func (m *Markers) Written() (commits, aborts uint64) { return m.commits.Load(), m.aborts.Load() }

// endOffsets has a shard of groups end the transaction in its partition.
func (m *Markers) endOffsets(job *txn.MarkerJob, index int32, done func(*protocol.Error)) {
	producer := coordinator.TxnProducer{ID: job.Producer.ID, Epoch: job.Producer.Epoch}
	m.groups.EndTransaction(index, producer, job.Commit, job.CoordinatorEpoch, job.BumpedEpoch, func(code protocol.ErrorCode) {
		if code == protocol.NoError {
			done(nil)
			return
		}
		done(protocol.Errorf(code, "the groups of %s-%d did not take the marker", cluster.OffsetsTopic, index))
	})
}

// Close waits for what is being queued.
func (m *Markers) Close() { m.tasks.close() }
