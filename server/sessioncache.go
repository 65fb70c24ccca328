package server

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// sessionRestMax is after how long without a request a session is dropped, as
// its client is surely gone.
const sessionRestMax = 15 * time.Minute

// sessionCache is all fetch sessions, up to a number of slots and a budget of
// memory. Who gets none is served without.
type sessionCache struct {
	partitions *replication.Partitions
	clock      clock.Clock
	memory     *span.Budget
	slots      int
	ageMin     time.Duration

	mu   sync.Mutex
	byID map[int32]*fetchSession
}

func newSessionCache(ps *replication.Partitions, c clock.Clock, memory *span.Budget, slots int, ageMin time.Duration) *sessionCache {
	return &sessionCache{partitions: ps, clock: c, memory: memory, slots: slots, ageMin: ageMin, byID: map[int32]*fetchSession{}}
}

// enter finds or makes the set of partitions that a request is about.
func (sc *sessionCache) enter(f *fetchCall, req *kmsg.FetchRequest) *protocol.Error {
	full := req.Version < 7 || req.SessionEpoch == sessionEpochInitial || req.SessionEpoch == sessionEpochFinal
	if !full {
		return sc.resume(f, req)
	}
	f.full = true
	if req.Version >= 7 && req.SessionID != 0 {
		sc.remove(sc.find(req.SessionID))
	}
	if req.Version >= 7 && req.SessionEpoch == sessionEpochInitial {
		if fs, unknown := sc.create(req); fs != nil {
			f.session, f.set = fs, &fs.fetchSet
			resolveAll(unknown, sc.partitions)
			f.partitions = fs.size()
			return nil
		}
	}
	f.set = sc.plain(req)
	f.partitions = len(f.set.parts)
	return nil
}

// plain makes the set of a request without session.
func (sc *sessionCache) plain(req *kmsg.FetchRequest) *fetchSet {
	n := 0
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	set := &fetchSet{parts: make([]*fetchPart, 0, n)}
	storage := make([]fetchPart, n)
	for i := range req.Topics {
		topic := topicOf(req.Version, req.Topics[i].Topic, req.Topics[i].TopicID)
		for j := range req.Topics[i].Partitions {
			rp := &req.Topics[i].Partitions[j]
			p := &storage[len(set.parts)]
			p.set, p.topic, p.index, p.ask = set, topic, rp.Partition, askOf(rp, req.Version)
			set.parts = append(set.parts, p)
			set.queueLocked(p) // nobody else knows the set yet
			// A failure shows when the partition is read.
			_, _ = p.resolve(sc.partitions, nil, false)
		}
	}
	return set
}

// resume applies an incremental request to its session.
func (sc *sessionCache) resume(f *fetchCall, req *kmsg.FetchRequest) *protocol.Error {
	fs := sc.find(req.SessionID)
	if fs == nil {
		return protocol.Errorf(protocol.FetchSessionIDNotFound, "fetch session %d is not known here", req.SessionID)
	}
	fs.mu.Lock()
	switch {
	case fs.epoch != req.SessionEpoch:
		fs.mu.Unlock()
		return protocol.Errorf(protocol.InvalidFetchSessionEpoch,
			"fetch session %d expects another epoch than %d", req.SessionID, req.SessionEpoch)
	case fs.byID != (req.Version >= 13) && (len(req.Topics) > 0 || len(req.ForgottenTopics) > 0):
		fs.mu.Unlock()
		return protocol.Errorf(protocol.FetchSessionTopicIDError,
			"fetch session %d mixes topic names and topic ids", req.SessionID)
	}
	fs.advanceLocked(sc.clock.Now())
	fs.mu.Unlock()
	fs.forget(req)
	unknown, err := fs.update(req)
	if err != nil {
		sc.remove(fs)
		return err
	}
	resolveAll(unknown, sc.partitions)
	if f.partitions = fs.size(); f.partitions == 0 {
		sc.remove(fs)
		f.set = &fetchSet{}
		return nil
	}
	f.session, f.set = fs, &fs.fetchSet
	return nil
}

func (sc *sessionCache) find(id int32) *fetchSession {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.byID[id]
}

// create makes a session of a request if there are memory and a slot for it: a
// free one, that of a session at rest, or that of a smaller one that is old
// enough. It also returns the partitions that have to be found.
func (sc *sessionCache) create(req *kmsg.FetchRequest) (fs *fetchSession, unknown []*fetchPart) {
	size := 0
	for i := range req.Topics {
		size += len(req.Topics[i].Partitions)
	}
	if size == 0 {
		return nil, nil
	}
	now := sc.clock.Now()
	memory, ok := sc.room(req, now)
	if !ok {
		return nil, nil
	}
	sc.mu.Lock()
	var victim *fetchSession
	if len(sc.byID) >= sc.slots {
		if victim = sc.victimLocked(now, size); victim == nil {
			sc.mu.Unlock()
			memory.share.Release()
			return nil, nil
		}
		delete(sc.byID, victim.id)
	}
	fs = &fetchSession{byID: req.Version >= 13, epoch: 1, index: make(map[fetchKey]*fetchPart, size), created: now, lastUsed: now, memory: memory}
	for fs.id == 0 || sc.byID[fs.id] != nil {
		fs.id = newSessionID()
	}
	sc.byID[fs.id] = fs
	sc.mu.Unlock()
	victim.end()
	unknown, err := fs.update(req)
	if err != nil {
		sc.remove(fs)
		return nil, nil
	}
	return fs, unknown
}

// room is the memory for a session of a request; for its sake sessions at rest
// end. False: there is none.
func (sc *sessionCache) room(req *kmsg.FetchRequest, now time.Time) (sessionMemory, bool) {
	m := sessionMemory{share: sc.memory.Share()}
	for i := range req.Topics {
		t := &req.Topics[i]
		m.most += int64(len(t.Partitions)) * sessionPartBytes(topicOf(req.Version, t.Topic, t.TopicID))
	}
	for !m.share.Grow(m.most) {
		rested := sc.takeRested(now)
		if rested == nil {
			return m, false
		}
		rested.end()
	}
	return m, true
}

// takeRested removes the session that has rested for the longest, if that is
// long enough.
func (sc *sessionCache) takeRested(now time.Time) *fetchSession {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	rested, _ := sc.victimsLocked(now, 0)
	if rested != nil {
		delete(sc.byID, rested.id)
	}
	return rested
}

// newSessionID is an id that is hard to hit by accident. It is no secret.
func newSessionID() int32 { return rand.Int32N(math.MaxInt32) + 1 }

// victimLocked chooses whose slot a session of a size may take; nil: nobody's.
func (sc *sessionCache) victimLocked(now time.Time, size int) *fetchSession {
	rested, smallest := sc.victimsLocked(now, size)
	if rested != nil {
		return rested
	}
	return smallest
}

// victimsLocked are the session that has rested for the longest, and the
// smallest below a size, of those that are old enough. Nil: there is none.
func (sc *sessionCache) victimsLocked(now time.Time, size int) (rested, smallest *fetchSession) {
	var restedSince time.Time
	for _, fs := range sc.byID {
		fs.mu.Lock()
		used, n, aged := fs.lastUsed, len(fs.index), now.Sub(fs.created) > sc.ageMin
		fs.mu.Unlock()
		if now.Sub(used) > sc.ageMin && (rested == nil || used.Before(restedSince)) {
			rested, restedSince = fs, used
		}
		if aged && n < size {
			smallest, size = fs, n
		}
	}
	return rested, smallest
}

// remove ends a session; nil is none.
func (sc *sessionCache) remove(fs *fetchSession) {
	if fs == nil {
		return
	}
	sc.mu.Lock()
	if sc.byID[fs.id] == fs {
		delete(sc.byID, fs.id)
	}
	sc.mu.Unlock()
	fs.end()
}

// expire ends the sessions that rest for long.
func (sc *sessionCache) expire(now time.Time) {
	var old []*fetchSession
	sc.mu.Lock()
	for id, fs := range sc.byID {
		fs.mu.Lock()
		if now.Sub(fs.lastUsed) > sessionRestMax {
			old = append(old, fs)
			delete(sc.byID, id)
		}
		fs.mu.Unlock()
	}
	sc.mu.Unlock()
	for _, fs := range old {
		fs.end()
	}
}

// len is the number of sessions.
func (sc *sessionCache) len() int {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return len(sc.byID)
}
