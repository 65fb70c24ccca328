package server

import (
	"bytes"
	"fmt"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/protocol/legacy"
	"github.com/mainstem-mq/mainstem/replication"
)

// Fetch for clients that know no record batches. Their answers are made in memory,
// within the budget for answers: batches are read piece by piece, and their messages
// gathered. From version 3 on, the first message of an answer may be larger than all
// limits, so that no client hangs.

const (
	// messagesMax is what the messages of an answer take at most, and readBatchMax
	// what is read for them at once, but for a single larger one.
	messagesMax  = 8 << 20
	readBatchMax = 256 << 10
	// messageRatioMax is how much larger a message can be than its record: 34 bytes
	// to 7 if key and value are null.
	messageRatioMax = 5
	// fewBytes is what may be looked at before a client waits.
	fewBytes = 4 << 10
)

// oldFetch is what a Fetch for such a client has beside the others.
type oldFetch struct {
	raw bytes.Buffer // batches as they were read
	// turned is by how many partitions the order of the request was turned.
	turned int
	bytes  int // of messages so far
}

// size is what the messages take; a Fetch of today has none.
func (o *oldFetch) size() int {
	if o == nil {
		return 0
	}
	return o.bytes
}

// magicOf is the message format of a version's clients.
func magicOf(version int16) int8 {
	if version < 2 {
		return 0
	}
	return 1
}

// beginOld prepares a Fetch whose clients know no record batches.
func (f *fetchCall) beginOld() {
	f.old = &oldFetch{}
	f.maxBytes = min(f.maxBytes, messagesMax)
	for _, p := range f.set.parts {
		f.passMarkers(p)
	}
	// Before version 3 a request has no order: with a limit for all partitions, the
	// last ones would never have their turn.
	if n := len(f.set.parts); f.version < fetchOrdered && n > 1 {
		f.old.turned = f.call.conn.oldFetches % n
		f.call.conn.oldFetches++
		f.set.turn(f.old.turned)
	}
}

// fetchOrdered is the first version whose clients change the order of partitions from
// request to request, and have a limit for the whole answer (KIP-74).
const fetchOrdered = 3

// turn moves the first n of the ready queue to its end. Nobody else knows the set yet.
func (s *fetchSet) turn(n int) {
	for range n {
		p := s.head
		s.head, p.next = p.next, nil
		s.tail.next, s.tail = p, p
	}
}

// end lets go of what was read, and restores the order of the request.
func (o *oldFetch) end(results []fetchResult) []fetchResult {
	o.raw = bytes.Buffer{}
	if o.turned == 0 {
		return results
	}
	n := len(results) - o.turned
	return append(append(make([]fetchResult, 0, len(results)), results[n:]...), results[:n]...)
}

// passMarkers moves a client past transactions' markers that are all there is to
// read: it is told nothing of them, so it would be answered at once, with nothing,
// as often as it asks.
func (f *fetchCall) passMarkers(p *fetchPart) {
	if p.part == nil {
		return
	}
	if n := p.part.Available(p.ask.from, fewBytes+1, false); n == 0 || n > fewBytes {
		return
	}
	req := f.request(&p.ask)
	req.MaxBytes, req.MinOne = fewBytes, true
	res := f.readRaw(p.part, req)
	if res.Err != nil {
		return // whoever answers will say it
	}
	for b, err := range batch.Split(f.old.raw.Bytes()) {
		if err != nil || !b.IsControl() {
			return
		}
		p.ask.from = b.LastOffset() + 1
	}
}

// readRaw reads batches into memory.
func (f *fetchCall) readRaw(part *replication.Partition, req replication.ReadRequest) replication.ReadResult {
	var data span.List
	defer data.Release()
	raw := &f.old.raw
	raw.Reset()
	res := part.Read(req, &data)
	if res.Err != nil {
		return res
	}
	raw.Grow(data.Len())
	if _, err := data.WriteTo(raw); err != nil {
		raw.Reset()
		res.Err = protocol.Errorf(protocol.KafkaStorageError, "%v", err)
	}
	return res
}

// weighOld is what an answer takes while it is made: its messages, and the largest
// batch that may have to be read for one and turned into one.
func (f *fetchCall) weighOld() int {
	all, largest := 0, 0
	img := f.srv.meta.Image()
	for _, p := range f.set.parts {
		if p.part == nil {
			continue
		}
		limit := int(f.srv.configs.TopicSettings(img, p.part.Topic()).MaxMessageBytes)
		most := min(int(p.ask.maxBytes), f.maxBytes)
		available := p.part.Available(p.ask.from, max(most, limit), false)
		all = min(all+min(most, messageRatioMax*available), f.maxBytes)
		largest = max(largest, min(available, max(limit, readBatchMax)))
	}
	return all + 2*largest
}

// messages is Partition.Read for clients that know no record batches: of a request
// it takes the limits for messages.
func (f *fetchCall) messages(part *replication.Partition, ask *fetchAsk, req replication.ReadRequest, out *span.List) replication.ReadResult {
	room, first := req.MaxBytes, req.MinOne
	if room <= 0 && !first {
		return part.Read(req, out) // that is, nothing but the offsets
	}
	d := legacy.Down{Magic: magicOf(f.version), From: req.From, BytesMax: room, RecordsMax: messageRecordsMax}
	var set []byte
	total := 0
	req.MaxBytes, req.MinOne = min(readBatchMax, messageRatioMax*max(room, fewBytes)), true
	for {
		res := f.readRaw(part, req)
		next, full := req.From, false
		if res.Err == nil {
			set, next, full, res.Err = f.convert(&d, set, req.From)
		}
		total += res.Bytes
		if res.Err != nil && len(set) > 0 {
			res.Err = nil // the next request begins there
			full = true
		}
		if res.Err != nil || full || len(set) >= room || next <= req.From || f.call.conn.alive.Err() != nil {
			res.Bytes = total
			f.give(set, room, int(ask.maxBytes), first, out)
			return res
		}
		req.From = next
	}
}

// convert appends the messages of what was read. next is the offset behind it.
func (f *fetchCall) convert(d *legacy.Down, set []byte, from model.Offset) (out []byte, next model.Offset, full bool, perr *protocol.Error) {
	next = from
	for b, err := range batch.Split(f.old.raw.Bytes()) {
		if err == nil {
			err = batch.Verify(b.Bytes, &b.Header)
		}
		if err == nil {
			set, full, err = d.Append(set, &b)
		}
		if err != nil {
			return set, next, false, conversionError(fmt.Errorf("batch at offset %d: %w", b.BaseOffset, err))
		}
		if full {
			return set, next, true, nil
		}
		next = b.LastOffset() + 1
	}
	return set, next, false, nil
}

// give adds messages to an answer. A first message that is larger than the client's
// limit for a partition is cut off before version 3: clients take that as their limit
// being too small, and say so.
func (f *fetchCall) give(set []byte, room, limit int, first bool, out *span.List) {
	if f.version < fetchOrdered && len(set) > limit {
		set = bytes.Clone(set[:max(limit, 0)])
	}
	if len(set) > room && !first {
		return
	}
	f.old.bytes += cap(set)
	out.AddMem(set)
}

// tellUnfit tells the operator what an old client cannot be given: the client itself
// hardly knows the code.
func (f *fetchCall) tellUnfit(part *replication.Partition, err *protocol.Error) {
	if f.old == nil || err.Code != protocol.UnsupportedCompressionType && err.Code != protocol.MessageTooLarge {
		return
	}
	fields := []zap.Field{
		zap.Int16("version", f.version), zap.String("topic", part.Topic().Name), zap.Int32("partition", part.Index()), zap.Error(err),
	}
	f.srv.warnWithin(f.srv.unreadable, "records cannot be given to an old client", append(fields, f.call.conn.who()...)...)
}
