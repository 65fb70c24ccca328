package replication

import (
	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
)

// trim is a log-start entry on its way.
type trim struct {
	unit log.Append
	part *Partition
	room chan struct{} // nil once it was left, or if there is none
	done func(model.Offset, *protocol.Error)
}

// leave makes room for the next entry: this one is written, or failed before.
func (t *trim) leave() {
	if t.room != nil {
		<-t.room
		t.room = nil
	}
}

// Written implements log.Completion: the start has moved for readers.
func (t *trim) Written(*log.Append) {
	t.leave()
	t.part.mu.Lock()
	listeners := t.part.mu.listeners
	t.part.mu.Unlock()
	t.part.notify(listeners)
}

// Durable implements log.Completion.
func (t *trim) Durable(*log.Append) { t.done(t.part.log.Start(), nil) }

// Failed implements log.Completion. What was queued behind the entry was built
// on its generation, and fails with it.
func (t *trim) Failed(_ *log.Append, err error) {
	t.leave()
	p := t.part
	p.mu.Lock()
	end := p.writtenEndLocked()
	p.mu.Unlock()
	p.failFrom(t.unit.Generation, end, err)
	t.done(-1, storageError(err))
}

// starts raises the log starts of many partitions, a few at a time: the writer
// has to look each one up in the index, and what is produced meanwhile comes
// behind it.
type starts struct {
	room   chan struct{}
	failed func(*Partition, error)
}

// startsMax bounds how many of them await the writer: of retention, and as many
// of all clients together.
const startsMax = 64

func raising(failed func(*Partition, error)) starts {
	return starts{room: make(chan struct{}, startsMax), failed: failed}
}

// raise queues an entry that raises a partition's start once there is room. It
// is durable some time later.
func (s *starts) raise(p *Partition, to model.Offset) {
	s.room <- struct{}{}
	t := &trim{part: p, room: s.room, done: func(_ model.Offset, err *protocol.Error) {
		if err != nil {
			s.failed(p, err)
		}
	}}
	t.enqueue(to)
}

func (t *trim) enqueue(to model.Offset) {
	p := t.part
	t.unit.Partition, t.unit.Kind, t.unit.Epoch = p.log, log.KindLogStart, p.epoch
	t.unit.BaseOffset, t.unit.Done = to, t
	p.mu.Lock()
	refused := p.refusalLocked()
	if refused == nil {
		t.unit.Generation = p.mu.gen
		p.env.Log.Enqueue(&t.unit)
	}
	p.mu.Unlock()
	if refused != nil {
		t.leave()
		t.done(-1, refused)
	}
}

// Retain applies the topics' retention by time and size to every partition
// that the log has, also if no client asked for it since the start, and forgets
// idempotent producers that were idle for too long. failed hears of each
// partition that could not be looked at; the others go on. It returns what it takes,
// by topics, in no order.
func (ps *Partitions) Retain(failed func(*Partition, error)) []Retention {
	now := ps.env.Clock.Now().UnixMilli()
	var taken []Retention
	ps.env.Log.ExpireProducers(now - ps.env.ProducerExpirationMs())
	ps.expireGuards(now - ps.env.ProducerExpirationMs())
	starts := raising(failed)
	ps.env.Image().Topics(func(t *cluster.Topic) bool {
		s := ps.env.Settings(t)
		if s.ImportSource != "" || !s.Delete || s.RetentionMs < 0 && s.RetentionBytes < 0 {
			ps.keepForEver(t)
			return true
		}
		r := Retention{Topic: t.Name}
		for i := range t.Partitions {
			if !ps.env.Log.Holds(t.Partitions[i].ID) {
				continue
			}
			p, gone := ps.find(t, int32(i))
			if gone != nil {
				continue // deleted a moment ago, or another broker's
			}
			p.log.SetRetentionClass(log.RetentionClassOf(s.RetentionMs))
			start, err := p.log.ExpiredStart(now, s.RetentionMs, s.RetentionBytes, p.highWatermark())
			if err != nil {
				failed(p, err)
			} else if first := p.log.Start(); start > first {
				r.Partitions++
				r.Offsets += int64(start - first)
				starts.raise(p, start)
			}
		}
		if r.Partitions > 0 {
			taken = append(taken, r)
		}
		return true
	})
	return taken
}

// expireGuards has all partitions forget what Verify gave before a time, ms.
func (ps *Partitions) expireGuards(before int64) {
	table := *ps.table.Load()
	for i := range table {
		if p := table[i].Load(); p != nil {
			p.expireGuards(before)
		}
	}
}

// Retention is what retention takes from a topic in one round.
type Retention struct {
	Topic      string
	Partitions int   // whose start it raises
	Offsets    int64 // by how much, together
}

// keepForEver has no batch of a topic relocated among what dies some day: its
// retention may have been another before. Partitions that nobody asked for since
// the start have no class from then.
func (ps *Partitions) keepForEver(t *cluster.Topic) {
	for i := range t.Partitions {
		if p := ps.loaded(&t.Partitions[i], t); p != nil {
			p.log.SetRetentionClass(log.RetentionClassOf(-1))
		}
	}
}
