package server

import (
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// The epochs of KIP-227 with a meaning of their own.
const (
	sessionEpochInitial = 0  // a full request that asks for a session
	sessionEpochFinal   = -1 // a full request that ends the session it names
)

// fetchSession is what a client need not repeat with each Fetch (KIP-227).
type fetchSession struct {
	fetchSet
	id   int32
	byID bool // topics are named by id

	// Guarded by fetchSet.mu.
	epoch    int32 // of the next request
	index    map[fetchKey]*fetchPart
	lastUsed time.Time
	created  time.Time
	memory   sessionMemory
	ended    bool // out of the cache: nothing may be added any more
}

// sessionMemory is what a session is counted with.
type sessionMemory struct {
	share *span.Share
	parts int64 // what its partitions take
	most  int64 // the most that they ever took: the index does not shrink
}

// fetchSessionWeight is what a partition of a session takes: a fetchPart, its
// place in the index, and that among the partition's listeners.
const fetchSessionWeight = 320

// sessionPartBytes is what a session keeps for each partition of a topic.
func sessionPartBytes(topic fetchTopic) int64 { return fetchSessionWeight + int64(len(topic.name)) }

// take counts n more bytes, if the budget has room for them.
func (m *sessionMemory) take(n int64) bool {
	if m.parts+n > m.most {
		if !m.share.Grow(m.parts + n) {
			return false
		}
		m.most = m.parts + n
	}
	m.parts += n
	return true
}

type fetchKey struct {
	topic fetchTopic
	index int32
}

func topicOf(version int16, name string, id [16]byte) fetchTopic {
	if version >= 13 {
		return fetchTopic{id: id, byID: true}
	}
	return fetchTopic{name: name}
}

func (fs *fetchSession) advanceLocked(now time.Time) {
	fs.lastUsed = now
	if fs.epoch == math.MaxInt32 {
		fs.epoch = 1
		return
	}
	fs.epoch++
}

func (fs *fetchSession) size() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.index)
}

// update adds the request's partitions, or changes what is asked of them. It
// returns those that have to be found. After an error, be it that there is no
// memory for more, the session has to end.
func (fs *fetchSession) update(req *kmsg.FetchRequest) (unknown []*fetchPart, err *protocol.Error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.ended {
		return nil, protocol.Errorf(protocol.FetchSessionIDNotFound, "fetch session %d has ended", fs.id)
	}
	for i := range req.Topics {
		topic := topicOf(req.Version, req.Topics[i].Topic, req.Topics[i].TopicID)
		for j := range req.Topics[i].Partitions {
			rp := &req.Topics[i].Partitions[j]
			key := fetchKey{topic, rp.Partition}
			p := fs.index[key]
			if p == nil {
				if !fs.memory.take(sessionPartBytes(topic)) {
					return nil, protocol.Errorf(protocol.FetchSessionIDNotFound,
						"fetch session %d has ended: there is no memory for more partitions", fs.id)
				}
				p = &fetchPart{set: &fs.fetchSet, topic: topic, index: rp.Partition}
				p.sent.highWatermark, p.sent.logStart = -1, -1
				fs.index[key] = p
			}
			p.ask = askOf(rp, req.Version)
			if p.part == nil {
				unknown = append(unknown, p)
			}
			if p.taken {
				p.again = true
			} else {
				fs.queueLocked(p)
			}
		}
	}
	return unknown, nil
}

// resolveAll finds partitions that are new to a session.
func resolveAll(parts []*fetchPart, all *replication.Partitions) {
	for _, p := range parts {
		// A failure shows when the partition is read.
		_, _ = p.resolve(all, nil, true)
	}
}

// forget drops the partitions that the client no longer wants.
func (fs *fetchSession) forget(req *kmsg.FetchRequest) {
	var lost []*fetchPart
	fs.mu.Lock()
	for i := range req.ForgottenTopics {
		t := &req.ForgottenTopics[i]
		topic := topicOf(req.Version, t.Topic, t.TopicID)
		for _, index := range t.Partitions {
			key := fetchKey{topic, index}
			if p := fs.index[key]; p != nil {
				p.gone = true
				delete(fs.index, key)
				fs.memory.parts -= sessionPartBytes(topic)
				lost = append(lost, p)
			}
		}
	}
	if len(lost) > 0 {
		fs.dropGoneLocked()
	}
	fs.mu.Unlock()
	unsubscribeAll(lost)
}

// unsubscribeAll ends the subscriptions of partitions that are marked as gone.
func unsubscribeAll(lost []*fetchPart) {
	for _, p := range lost {
		p.set.mu.Lock()
		part := p.part
		p.part = nil
		p.set.mu.Unlock()
		if part != nil {
			part.Unsubscribe(p)
		}
	}
}

// end forgets all partitions of a session that is out of the cache.
func (fs *fetchSession) end() {
	if fs == nil {
		return
	}
	fs.mu.Lock()
	lost := make([]*fetchPart, 0, len(fs.index))
	for _, p := range fs.index {
		p.gone = true
		lost = append(lost, p)
	}
	clear(fs.index)
	fs.ended = true
	fs.memory.share.Release()
	parked := fs.parked
	fs.mu.Unlock()
	if parked != nil {
		parked.wake()
	}
	unsubscribeAll(lost)
}
