package server

import (
	"sync"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// fetchTopic is a topic as the client named it: by id from v13, by name before.
type fetchTopic struct {
	name string
	id   model.TopicID
	byID bool
}

// fetchPart is one partition of a request without session, or of a session.
// As a replication.Listener it puts itself among those worth a look.
type fetchPart struct {
	set   *fetchSet
	topic fetchTopic
	index int32

	// Guarded by set.mu.
	next   *fetchPart // in the ready queue
	ask    fetchAsk
	part   *replication.Partition // nil: not found yet, or gone
	queued bool                   // in the ready queue
	taken  bool                   // an answer is being made of it
	again  bool                   // there were news while it was taken
	gone   bool                   // the client forgot it
	sent   struct{ highWatermark, logStart model.Offset }
}

// waitingPart is what a look at a partition needs, copied under the lock.
type waitingPart struct {
	owner *fetchPart
	part  *replication.Partition
	ask   fetchAsk
}

// fetchSet is the partitions of a fetch, and which of them are ready: new to
// the set, changed by the client, with news from the log, or with more to give
// than the last answer could take. The ready ones are a queue; who was served
// goes to its end, so that no partition starves the others.
type fetchSet struct {
	mu         sync.Mutex
	head, tail *fetchPart
	parked     *fetchCall
	parts      []*fetchPart // of a request without session
}

// Advanced implements replication.Listener.
func (p *fetchPart) Advanced(*replication.Partition) {
	s := p.set
	s.mu.Lock()
	if p.taken {
		p.again = true
	} else {
		s.queueLocked(p)
	}
	f := s.parked
	check := f != nil && f.minBytes > 1 && !f.checking
	if check {
		f.checking = true
	}
	s.mu.Unlock()
	switch {
	case f == nil:
	case check:
		f.srv.tasks.start(f.recheck)
	case f.minBytes <= 1:
		f.wake()
	}
}

func (s *fetchSet) queueLocked(p *fetchPart) {
	if p.queued || p.gone {
		return
	}
	p.queued, p.next = true, nil
	if s.tail == nil {
		s.head = p
	} else {
		s.tail.next = p
	}
	s.tail = p
}

// dropGoneLocked takes those that the client forgot out of the ready queue: it
// may never be answered again, and they are not counted any more.
func (s *fetchSet) dropGoneLocked() {
	p := s.head
	s.head, s.tail = nil, nil
	for p != nil {
		next := p.next
		p.queued, p.next = false, nil
		s.queueLocked(p)
		p = next
	}
}

// waiting copies the first of the ready queue, and reports whether there are
// more.
func (s *fetchSet) waiting(most int) (first []waitingPart, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := s.head; p != nil; p = p.next {
		if p.gone {
			continue
		}
		if len(first) >= most {
			return first, true
		}
		first = append(first, waitingPart{p, p.part, p.ask})
	}
	return first, false
}

// take removes the first ready partition.
func (s *fetchSet) take() (waitingPart, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.head != nil {
		p := s.head
		if s.head = p.next; s.head == nil {
			s.tail = nil
		}
		p.queued, p.next = false, nil
		if p.gone {
			continue
		}
		p.taken, p.again = true, false
		return waitingPart{p, p.part, p.ask}, true
	}
	return waitingPart{}, false
}

// changed notes what a partition was answered, and reports whether a session's
// client has to hear of it.
func (s *fetchSet) changed(p *fetchPart, r *fetchResult) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := r.data.Len() > 0 || r.head.Error != protocol.NoError || r.head.DivergingEpoch != nil ||
		r.head.HighWatermark != p.sent.highWatermark || r.head.LogStartOffset != p.sent.logStart
	p.sent.highWatermark, p.sent.logStart = r.head.HighWatermark, r.head.LogStartOffset
	return changed
}

// nextTurn says when a partition is looked at again.
type nextTurn uint8

const (
	turnNone  nextTurn = iota // when there are news
	turnLast                  // after all others: it was served, but the client may not have taken it
	turnFirst                 // before all others: there was no room for what it has
)

// roundPart is a partition that was looked at for one answer.
type roundPart struct {
	part *fetchPart
	turn nextTurn
}

// endRound puts back what has to be looked at again.
func (s *fetchSet) endRound(round []roundPart) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range round {
		r.part.taken = false
		if r.turn == turnLast || r.turn == turnNone && r.part.again {
			s.queueLocked(r.part)
		}
	}
	for i := len(round) - 1; i >= 0; i-- {
		if p := round[i].part; round[i].turn == turnFirst && !p.queued && !p.gone {
			p.queued, p.next = true, s.head
			s.head = p
			if s.tail == nil {
				s.tail = p
			}
		}
	}
}

// park makes f the one who waits for news, and returns who did before.
func (s *fetchSet) park(f *fetchCall) *fetchCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.parked
	s.parked = f
	return before
}

// subscribe makes the partitions of a request without session hear of news.
func (s *fetchSet) subscribe() {
	for _, p := range s.parts {
		if p.part != nil {
			p.part.Subscribe(p)
		}
	}
}

func (s *fetchSet) unsubscribe() {
	for _, p := range s.parts {
		if p.part != nil {
			p.part.Unsubscribe(p)
		}
	}
}

func (p *fetchPart) sameTopic(o *fetchPart) bool { return p.topic == o.topic }

// resolve finds the partition if it is not known. In a session it stays
// subscribed until it is lost or forgotten.
func (p *fetchPart) resolve(all *replication.Partitions, known *replication.Partition, session bool) (*replication.Partition, *protocol.Error) {
	if known != nil {
		return known, nil
	}
	var part *replication.Partition
	var err *protocol.Error
	if p.topic.byID {
		part, err = all.FindByID(p.topic.id, p.index)
	} else {
		part, err = all.Find(p.topic.name, p.index)
	}
	if err != nil {
		return nil, err
	}
	if !session {
		p.part = part
		return part, nil
	}
	p.set.mu.Lock()
	mine := p.part == nil && !p.gone
	if mine {
		p.part = part
	}
	p.set.mu.Unlock()
	if !mine {
		return part, nil
	}
	part.Subscribe(p)
	p.set.mu.Lock()
	gone := p.gone
	p.set.mu.Unlock()
	if gone {
		part.Unsubscribe(p) // whoever marked it may have been faster than Subscribe
	}
	return part, nil
}

// lost follows a failed read: a partition that was deleted is looked for again
// with the next request. It returns the code as this client names topics.
func (p *fetchPart) lost(part *replication.Partition, code protocol.ErrorCode, session bool) protocol.ErrorCode {
	if code != protocol.UnknownTopicOrPartition {
		return code
	}
	p.set.mu.Lock()
	mine := session && p.part == part
	if mine {
		p.part = nil
	}
	p.set.mu.Unlock()
	if mine {
		part.Unsubscribe(p)
	}
	if p.topic.byID {
		return protocol.UnknownTopicID
	}
	return code
}
