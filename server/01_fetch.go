package server

import (
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
	"github.com/mainstem-mq/mainstem/server/quota"
)

// Fetch (key 1), versions 0 to 18.
//
// Versions:
//   - v0, v1: messages of magic 0; v1 has a throttle time. legacy_fetch.go
//   - v2, v3: messages of magic 1; v3 has a limit for the whole answer (KIP-74)
//   - v4: record batches, isolation level, last stable offset, aborted transactions (KIP-98)
//   - v5: log start offset
//   - v7: incremental fetch sessions (KIP-227)
//   - v9: the client's leader epoch (KIP-320)
//   - v10: zstd may be in the answer; before, Kafka refuses such topics. Here
//     the batches are sent as they are, as the client chose the codec
//   - v11: rack of the client, preferred read replica (KIP-392)
//   - v12: flexible; last fetched epoch, diverging epoch
//   - v13: topic ids instead of names (KIP-516)
//   - v15: the replica's state moves into a tag (KIP-903)
//   - v16: the current leader and its address (KIP-951)
//   - v17, v18: fields of followers only
//
// Differs from Kafka:
//   - A long poll holds no thread: the call is parked and the partitions wake
//     it. Its records are read when it is its turn to be written, so a
//     connection holds at most one answer's memory.
//   - In a session only partitions with news are looked at, so ten thousand
//     idle ones cost nothing per request.
//   - A client that is over its quota may still get records with the answer that
//     says so, as many as it may take in a second; it gets none while it owes.
//   - No preferred read replica yet: the rack is ignored.
//   - Versions 0 to 3, which Kafka 4 no longer has, are as in Kafka 3.9, but that an
//     uncompressed batch that is larger than the client's limits is given piece by
//     piece, and that batches of zstd are refused and nothing else of their topic.

// fetchCall is a Fetch request being served.
type fetchCall struct {
	srv        *Server
	call       *call
	version    int16
	set        *fetchSet
	session    *fetchSession // nil: none
	partitions int           // in the set
	full       bool          // every partition is answered, not only what changed
	code       protocol.ErrorCode
	minBytes   int
	maxBytes   int

	old           *oldFetch // of a client that knows no record batches, else nil
	readCommitted bool
	replica       bool             // who asks says that it is one
	owes          bool             // the client has taken more than its quota: no records
	leaders       []model.BrokerID // that the answer's hints name
	subscribed    bool             // sessionless and parked: the parts hear of news until answered

	// Guarded by set.mu.
	timer    interface{ Stop() bool }
	checking bool
}

// fetchResult is what one partition gets.
type fetchResult struct {
	part *fetchPart
	head protocol.FetchPartition
	data span.List
}

func (s *Server) fetch(c *call, req *kmsg.FetchRequest) {
	f := &fetchCall{srv: s, call: c, version: req.Version, readCommitted: req.IsolationLevel == 1}
	f.replica = req.ReplicaID >= 0 || req.ReplicaState.ID >= 0 // the second from v15 on
	f.maxBytes = min(int(req.MaxBytes), s.settings.fetchBytesMax(), c.fetchRoom())
	f.minBytes = min(int(req.MinBytes), f.maxBytes)
	if err := s.sessions.enter(f, req); err != nil {
		f.code, f.set = err.Code, &fetchSet{}
		c.failed(err.Code)
		c.later(f.answer)
		return
	}
	if f.version < fetchBatches {
		f.beginOld()
	}
	wait := time.Duration(req.MaxWaitMillis) * time.Millisecond
	if wait <= 0 || f.minBytes <= 0 || f.partitions == 0 || f.enough() {
		c.later(f.answer)
		return
	}
	f.park(wait)
}

// park waits for news until wait has passed.
func (f *fetchCall) park(wait time.Duration) {
	if !f.mayPark() {
		f.call.later(f.answer)
		return
	}
	if f.session == nil {
		f.subscribed = true
		f.set.subscribe()
	}
	f.call.abandon = func() { f.srv.tasks.start(f.unsubscribe) }
	before := f.set.park(f)
	if before != nil {
		before.wake() // the client gave up on its earlier request
	}
	// What arrived between the first look and now woke nobody.
	if f.enough() {
		f.wake()
		return
	}
	f.set.mu.Lock()
	if f.set.parked == f {
		f.timer = f.srv.clock.AfterFunc(wait, f.wake)
	}
	f.set.mu.Unlock()
	f.call.parked(f.wake)
}

// mayPark counts what a large request without session takes while it waits, of
// which nothing else does: for more there is no waiting.
func (f *fetchCall) mayPark() bool {
	n := f.partitions * fetchPartWeight
	if f.session != nil || n <= owedMax {
		return true
	}
	share := f.srv.memory.parked.Try(int64(n))
	if share != nil {
		f.call.out.AddPin(share)
	}
	return share != nil
}

// wake ends the wait, if it has not ended yet. It is called by timers, by the
// log's goroutines and when the connection ends.
func (f *fetchCall) wake() {
	f.set.mu.Lock()
	mine := f.set.parked == f
	if mine {
		f.set.parked = nil
	}
	timer := f.timer
	f.set.mu.Unlock()
	if !mine {
		return
	}
	if timer != nil {
		timer.Stop()
	}
	f.call.later(f.answer)
}

// recheck looks whether the news are enough for min bytes.
func (f *fetchCall) recheck() {
	f.set.mu.Lock()
	f.checking = false
	f.set.mu.Unlock()
	if f.enough() {
		f.wake()
	}
}

func (f *fetchCall) unsubscribe() {
	if f.subscribed {
		f.set.unsubscribe()
	}
}

// enough reports whether the answer should not wait: there are min bytes, or
// something that the client must hear of.
func (f *fetchCall) enough() bool {
	// Mostly the first few are enough: ten thousand need not be copied then.
	few, more := f.set.waiting(enoughFew)
	if yes := f.enoughOf(few); yes || !more {
		return yes
	}
	all, _ := f.set.waiting(math.MaxInt)
	return f.enoughOf(all)
}

const enoughFew = 16

func (f *fetchCall) enoughOf(parts []waitingPart) bool {
	bytes := 0
	for _, q := range parts {
		if q.part == nil {
			return true // an error
		}
		o := q.part.Offsets()
		if q.part.Refuses(f.request(&q.ask), o) {
			return true
		}
		if q.ask.from < f.end(o.HighWatermark, o.LastStable) {
			bytes += q.part.Available(q.ask.from, min(f.minBytes-bytes, int(q.ask.maxBytes)), f.readCommitted)
		}
		if bytes >= f.minBytes {
			return true
		}
	}
	return false
}

// answer reads and encodes; it runs in the writing goroutine and may block on
// cold data.
func (f *fetchCall) answer(c *call) {
	f.unsubscribe()
	if n := f.weigh(); n > 0 {
		if err := c.claim(c.conn.alive, n); err != nil {
			c.hangUp = err.Error()
			return
		}
	}
	f.owes = c.owedFetch()
	results := f.read()
	if n := abortedWeight * countAborted(results); n > owedMax && c.mem.share == nil {
		if err := c.claim(c.conn.alive, n); err != nil {
			releaseResults(results)
			c.hangUp = err.Error()
			return
		}
	}
	if n := recordBytes(results); n > 0 {
		c.charge(quota.Fetch, float64(n))
	}
	c.chargeTime()
	e := &c.conn.fetchEncoder
	id := int32(0)
	if f.session != nil {
		id = f.session.id
	}
	e.Begin(c.conn.fetchArena[:0], f.version, protocol.FetchHead{
		Correlation: c.header.Correlation, ThrottleMillis: c.throttleMillis(), Error: f.code, SessionID: id, Topics: countTopics(results),
	})
	for i := range results {
		r := &results[i]
		if i == 0 || !results[i-1].part.sameTopic(r.part) {
			e.Topic(r.part.topic.name, r.part.topic.id, countPartitions(results[i:]))
		}
		e.Partition(r.head, r.data.Len())
	}
	buf, cuts := e.End(f.srv.leaderEndpoints(c.conn.listener, f.leaders))
	c.conn.keepArena(buf)
	if c.mem.share != nil {
		c.mem.share.Resize(int64(cap(buf) + f.old.size()))
	}
	at := 0
	for i := range results {
		if results[i].data.Len() == 0 {
			continue
		}
		c.out.AddMem(buf[at:cuts[0].At])
		at = cuts[0].At
		cuts = cuts[1:]
		c.out.Append(&results[i].data)
	}
	c.out.AddMem(buf[at:])
}

// weigh is what the answer takes beside what is every connection's own, before it
// is known what will be in it.
func (f *fetchCall) weigh() int {
	n := 0
	if f.full && f.partitions > fetchResultsMax {
		n = f.partitions * fetchResultWeight
	}
	if f.old != nil {
		n += f.weighOld()
	}
	if n <= owedMax {
		return 0
	}
	return n
}

// read takes the partitions that have news, in turn, until the answer is full.
func (f *fetchCall) read() []fetchResult {
	var results []fetchResult
	var round []roundPart
	if f.full {
		results, round = make([]fetchResult, 0, f.partitions), make([]roundPart, 0, f.partitions)
	}
	total, aborted := 0, 0
	for f.full || len(results) < fetchResultsMax && (total == 0 || total < f.maxBytes) {
		q, ok := f.set.take()
		if !ok {
			break
		}
		r := fetchResult{part: q.owner}
		room := f.maxBytes - total
		if aborted >= abortedMax {
			room = 0
		}
		turn := f.readOne(&q, room, total == 0, &r)
		total, aborted = total+r.data.Len(), aborted+len(r.head.Aborted)
		if f.set.changed(q.owner, &r) || f.full {
			results = append(results, r)
		}
		round = append(round, roundPart{q.owner, turn})
		if turn == turnFirst && !f.full {
			break // there is no room for its next batch
		}
	}
	f.set.endRound(round)
	if f.old != nil {
		return f.old.end(results)
	}
	return results
}

const (
	// fetchPartWeight is what a partition of a request takes in a fetchSet,
	// fetchResultWeight what its answer does, beside the records.
	fetchPartWeight   = 256
	fetchResultWeight = 384
	// abortedWeight is what an aborted transaction takes in an answer, which tells
	// of as many as there were among what is read.
	abortedWeight = 48
	// abortedMax is how many of them an answer tells before it is full, as by the
	// bytes of its records: a few bytes of records may overlap with thousands.
	abortedMax = 16 << 10
	// fetchArenaMax is how much of a connection's arena outlives its answer.
	fetchArenaMax = 16 << 10
)

// keepArena keeps the memory of one answer's fields for the next, unless that
// is much: most answers of a session are small, and its first one is not.
func (c *conn) keepArena(buf []byte) {
	c.fetchArena = nil
	if cap(buf) <= fetchArenaMax {
		c.fetchArena = buf
	}
}

// fetchResultsMax bounds the partitions of one incremental answer; the others
// stay ready and come first in the next.
const fetchResultsMax = 4096

// readOne fills one partition's result, and says when the partition has to be
// looked at again.
func (f *fetchCall) readOne(q *waitingPart, room int, first bool, r *fetchResult) nextTurn {
	r.head = protocol.FetchPartition{
		Index: q.owner.index, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, PreferredReadReplica: -1,
	}
	if f.readCommitted {
		r.head.Aborted = []protocol.AbortedTransaction{}
	}
	part, err := q.owner.resolve(f.srv.partitions, q.part, f.session != nil)
	if err != nil {
		r.head.Error = protocol.ErrorCode(f.call.failed(err.Code))
		f.hint(q.owner, err.Code, r)
		return turnLast
	}
	req := f.request(&q.ask)
	req.MaxBytes, req.MinOne, req.ReadCommitted = max(min(int(q.ask.maxBytes), room), 0), first, f.readCommitted
	if f.owes {
		req.MaxBytes, req.MinOne = 0, false
	}
	req.Reader = f.call.conn.reader()
	before := req.Reader.FromDisk
	var res replication.ReadResult
	if f.old == nil {
		res = part.Read(req, &r.data)
	} else {
		res = f.messages(part, &q.ask, req, &r.data)
	}
	if res.Err != nil {
		r.data.Release()
		f.tellUnreadable(part, req.From, res.Err)
		f.tellUnfit(part, res.Err)
		code := q.owner.lost(part, res.Err.Code, f.session != nil)
		r.head.Error = oldCode(protocol.ErrorCode(f.call.failed(code)), f.version, fetchStorage)
		f.hint(q.owner, code, r)
		return turnLast
	}
	f.call.conn.hasRead(part, req.From, &res, req.Reader.FromDisk-before)
	r.head.HighWatermark, r.head.LastStableOffset, r.head.LogStartOffset = res.HighWatermark, res.LastStable, res.LogStart
	for _, a := range res.Aborted {
		r.head.Aborted = append(r.head.Aborted, protocol.AbortedTransaction{ProducerID: a.Producer, FirstOffset: a.First})
	}
	if d := res.Diverging; d != nil {
		r.head.DivergingEpoch, r.head.Aborted = &protocol.EpochEndOffset{Epoch: d.Epoch, EndOffset: d.End}, nil // nothing was read
		return turnLast
	}
	switch {
	case r.data.Len() > 0:
		return turnLast
	case q.ask.from < f.end(res.HighWatermark, res.LastStable):
		return turnFirst
	}
	return turnNone
}

// fetchHints is the version from which an answer names the leader to a client that
// asked the wrong broker, or as of a leadership that is over (which clients from before
// an unclean start hear). The field is there from v12 on, but not the leaders'
// addresses, and Kafka leaves it empty there.
const fetchHints = 16

func (f *fetchCall) hint(p *fetchPart, code protocol.ErrorCode, r *fetchResult) {
	if f.version < fetchHints || code != protocol.NotLeaderOrFollower && code != protocol.FencedLeaderEpoch {
		return
	}
	leader := f.srv.leaderHint(p.topic.name, p.topic.id, p.topic.byID, p.index)
	if leader == nil {
		return
	}
	r.head.CurrentLeader = leader
	// A replica knows where the others are.
	if !f.replica && !slices.Contains(f.leaders, leader.Leader) {
		f.leaders = append(f.leaders, leader.Leader)
	}
}

// end is the offset up to which the client may read.
func (f *fetchCall) end(highWatermark, lastStable model.Offset) model.Offset {
	if f.readCommitted {
		return lastStable
	}
	return highWatermark
}

// tellUnreadable tells the operator what the log or the disk refused to give. An
// answer has no words, and clients try again and again after such an error.
func (f *fetchCall) tellUnreadable(part *replication.Partition, from model.Offset, err *protocol.Error) {
	if err.Code != protocol.CorruptMessage && err.Code != protocol.KafkaStorageError {
		return
	}
	fields := []zap.Field{
		zap.String("topic", part.Topic().Name), zap.Int32("partition", part.Index()), zap.Int64("offset", int64(from)), zap.Error(err),
	}
	f.srv.warnWithin(f.srv.unreadable, "records could not be read", append(fields, f.call.conn.who()...)...)
}

func countAborted(results []fetchResult) int {
	n := 0
	for i := range results {
		n += len(results[i].head.Aborted)
	}
	return n
}

func recordBytes(results []fetchResult) int {
	n := 0
	for i := range results {
		n += results[i].data.Len()
	}
	return n
}

func releaseResults(results []fetchResult) {
	for i := range results {
		results[i].data.Release()
	}
}

func countTopics(results []fetchResult) int {
	n := 0
	for i := range results {
		if i == 0 || !results[i-1].part.sameTopic(results[i].part) {
			n++
		}
	}
	return n
}

// countPartitions is how many results from the first on are of one topic.
func countPartitions(results []fetchResult) int {
	n := 1
	for n < len(results) && results[0].part.sameTopic(results[n].part) {
		n++
	}
	return n
}

// fetchAsk is what a client wants of one partition.
type fetchAsk struct {
	from         model.Offset
	maxBytes     int32
	currentEpoch model.LeaderEpoch
	lastEpoch    model.LeaderEpoch
}

// request asks for what is there; how much of it is the answer's affair.
func (f *fetchCall) request(a *fetchAsk) replication.ReadRequest {
	return replication.ReadRequest{From: a.from, CurrentEpoch: a.currentEpoch, LastFetchedEpoch: a.lastEpoch, Replica: f.replica}
}

func askOf(p *kmsg.FetchRequestTopicPartition, version int16) fetchAsk {
	a := fetchAsk{from: model.Offset(p.FetchOffset), maxBytes: p.PartitionMaxBytes, currentEpoch: -1, lastEpoch: -1}
	if version >= 9 {
		a.currentEpoch = model.LeaderEpoch(p.CurrentLeaderEpoch)
	}
	if version >= 12 {
		a.lastEpoch = model.LeaderEpoch(p.LastFetchedEpoch)
	}
	return a
}
