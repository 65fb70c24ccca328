package server

import (
	"sync"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// Markers writes the end markers of transactions into the partitions. Who asks is
// often on a goroutine of the log, which has others to serve: jobs wait in a queue,
// and one task at a time works it off, so that they come in their order.
type Markers struct {
	partitions *replication.Partitions
	tasks      tasks

	mu      sync.Mutex
	queue   []markerWork
	running bool // a task works the queue off
}

type markerWork struct {
	job  txn.MarkerJob
	done func([]*protocol.Error)
}

// NewMarkers writes into the partitions of a broker.
func NewMarkers(partitions *replication.Partitions) *Markers {
	return &Markers{partitions: partitions}
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
	if start && !m.tasks.start(m.work) {
		m.work() // the broker stops: nobody is kept from anything
	}
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

// write queues the markers of one job with the log.
func (m *Markers) write(w *markerWork) {
	outcomes := make([]*protocol.Error, len(w.job.Partitions))
	places := make([]int, 0, len(outcomes))
	markers := make([]replication.Marker, 0, len(outcomes))
	for i, tp := range w.job.Partitions {
		p, gone := m.partitions.Find(tp.Topic, tp.Partition)
		if gone != nil {
			outcomes[i] = gone
			continue
		}
		places = append(places, i)
		markers = append(markers, replication.Marker{
			Partition: p, Producer: w.job.Producer.ID, Epoch: w.job.Producer.Epoch, Commit: w.job.Commit,
			CoordinatorEpoch: w.job.CoordinatorEpoch, BumpedEpoch: w.job.BumpedEpoch,
		})
	}
	done := w.done
	m.partitions.AppendMarkers(markers, func(results []replication.MarkerResult) {
		for i := range results {
			outcomes[places[i]] = results[i].Err
		}
		done(outcomes)
	})
}

// Close waits for what is being queued.
func (m *Markers) Close() { m.tasks.close() }
