package server_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// verdict is what a transaction must have become.
type verdict int

const (
	eitherWay verdict = iota // all of it or nothing
	nothing
	whole
)

// crashLook holds what a start finds on a disk against what clients know.
type crashLook struct {
	tb    testing.TB
	run   *crashRun
	cut   *crashCut
	clock *clock.Manual
	b     *broker
	c     *client

	verdicts map[*crashTxn]verdict
	resumed  map[*crashTxn]bool
	records  map[model.TopicPartition]map[string][]string // by transaction and write
	offsets  map[string]int64                             // of groups
}

// look starts a broker on what a power cut left of the disk. With resume, clients
// end what was open; else they leave it to time. every sees all that is done to the
// disk. It returns the time as of the end.
func (r *crashRun) look(tb testing.TB, cut *crashCut, disk *vfs.Mem, resume bool, rng *rand.Rand, every vfs.Hook) time.Time {
	l := &crashLook{
		tb: tb, run: r, cut: cut, clock: clock.NewManual(cut.clock),
		verdicts: map[*crashTxn]verdict{}, resumed: map[*crashTxn]bool{},
	}
	l.b = newBroker(tb, crashOptions(r.seed, disk, l.clock, every))
	l.c = l.b.dial()
	l.b.loaded()
	l.judge()
	if resume {
		l.resume(rng)
	}
	// Whatever is left open ends by its timeout.
	l.clock.Advance((crashTimeoutMs + 1) * time.Millisecond)
	l.settle()
	l.read()
	l.compare()
	l.goOn()
	l.b.close()
	_ = l.c.conn.Close()
	return l.clock.Now()
}

func (l *crashLook) settle() {
	until(l.tb, "no transaction holds the end of a partition", l.b.allStable, func() { l.clock.Advance(time.Millisecond) })
}

// had reports whether an answer was there before the cut; may, whether what was
// asked for may have happened by then.
func (l *crashLook) had(a question) bool { return a.answered != 0 && a.answered <= l.cut.answered }
func (l *crashLook) may(m moment) bool   { return m != 0 && m <= l.cut.asked }

// begun reports whether anything may be there of a transaction.
func (l *crashLook) begun(x *crashTxn) bool {
	return l.may(x.end.at) || slices.ContainsFunc(x.writes, func(w *crashWrite) bool { return l.may(w.at) })
}

// judge says what clients know of each transaction.
func (l *crashLook) judge() {
	for _, x := range l.run.txns {
		switch {
		case l.had(x.end) && x.commit:
			l.verdicts[x] = whole
		case l.may(x.end.at) && x.commit && !l.had(x.end):
			l.verdicts[x] = eitherWay
		default:
			l.verdicts[x] = nothing
		}
	}
}

// resume has the clients of open transactions end them: again, if they have asked
// for that already.
func (l *crashLook) resume(rng *rand.Rand) {
	for _, x := range l.run.txns {
		if !l.begun(x) || l.had(x.end) || l.may(x.doomed) {
			continue
		}
		commit := rng.IntN(3) > 0
		if l.may(x.end.at) {
			commit = x.commit
		}
		client := x.by
		client.goOn(x.by.producer, x.by.epoch)
		l.finish(x, &client, commit)
	}
}

func (l *crashLook) finish(x *crashTxn, p *crashProducer, commit bool) {
	for {
		req := p.ending(commit)
		code := protocol.ErrorCode(l.c.endTxn(req.Version, p.id, p.producer, p.epoch, commit).ErrorCode)
		switch {
		case code == protocol.ConcurrentTransactions:
			l.clock.Advance(time.Millisecond)
			continue
		case code == protocol.NoError:
			l.resumed[x], l.verdicts[x] = true, nothing
			if commit {
				l.verdicts[x] = whole
			}
		case slices.ContainsFunc(x.writes, func(w *crashWrite) bool { return l.had(w.question) }):
			l.tb.Fatalf("%s is open, and cannot be ended: %s", x.label, code)
		}
		return
	}
}

// read reads all that is committed.
func (l *crashLook) read() {
	l.records, l.offsets = map[model.TopicPartition]map[string][]string{}, map[string]int64{}
	for _, tp := range crashPartitions() {
		if strings.HasPrefix(tp.Topic, "__") {
			continue
		}
		of := map[string][]string{}
		for _, v := range l.c.committedValues(tp) {
			name, _, _ := strings.Cut(v, "|")
			at := strings.LastIndexByte(name, '/')
			of[name[:at]] = append(of[name[:at]], name[at+1:])
		}
		l.records[tp] = of
	}
	for _, group := range crashGroups() {
		got := l.c.committedOf(group, crashOffsetOf())
		if got.ErrorCode != 0 {
			l.tb.Fatalf("offsets of %s: %s", group, protocol.ErrorCode(got.ErrorCode))
		}
		l.offsets[group] = got.Offset
	}
}

// compare demands that each transaction is there as a whole, or not at all, and as it
// was ended.
func (l *crashLook) compare() {
	for _, x := range l.run.txns {
		l.compareOne(x)
	}
	for tp, left := range l.records {
		for name := range left {
			if !strings.HasPrefix(name, "plain/") && !strings.HasPrefix(name, "after-") {
				l.tb.Errorf("%v has records of %s, which is not to be read", tp, name)
			}
		}
	}
}

func (l *crashLook) compareOne(x *crashTxn) {
	for i, w := range x.writes {
		if w.to.Topic == crashGone && l.may(l.run.dropped) {
			delete(l.records[w.to], fmt.Sprintf("%s/%d", x.label, i))
			continue
		}
		there := l.there(x, i, w)
		if !l.had(w.question) {
			// Nobody was told of it, and who resumed the transaction ended it all the same.
			if there && (l.verdicts[x] != whole || !l.may(w.at)) {
				l.tb.Errorf("%s: write %d to %v%s is read, without an end", x.label, i, w.to, w.group)
			}
			continue
		}
		found := nothing
		if there {
			found = whole
		}
		switch l.verdicts[x] {
		case eitherWay:
			l.verdicts[x] = found
		case found:
		default:
			l.tb.Errorf("%s: write %d to %v%s: read %t, want %t (commit %t, end %+v, resumed %t)",
				x.label, i, w.to, w.group, there, !there, x.commit, x.end, l.resumed[x])
		}
	}
}

// there reports whether a write is read, and demands that it is so as a whole.
func (l *crashLook) there(x *crashTxn, i int, w *crashWrite) bool {
	if w.group != "" {
		// A later one may stand in its place.
		return l.offsets[w.group] == x.number || l.verdicts[x] == whole && l.offsets[w.group] > x.number
	}
	name := fmt.Sprintf("%s/%d", x.label, i)
	got := l.records[w.to][name]
	delete(l.records[w.to], name)
	for k := range got {
		if got[k] != fmt.Sprint(k) {
			l.tb.Errorf("%s: write %d to %v: records %v", x.label, i, w.to, got)
			return true
		}
	}
	if len(got) != 0 && len(got) != w.records {
		l.tb.Errorf("%s: write %d to %v: %d records of %d", x.label, i, w.to, len(got), w.records)
	}
	return len(got) > 0
}

// goOn has all producers come back, and do a transaction each.
func (l *crashLook) goOn() {
	to, advance := crashOffsetOf(), func() { l.clock.Advance(time.Millisecond) }
	for i, id := range []string{"one", "two", "three", "four"} {
		p := &crashProducer{id: id, bumps: i == 1 || i == 2}
		p.init(l.c, advance)
		p.produce(l.c, to, crashValues("after-"+id, 0, 2, 10))
		p.commitOffset(l.c, "after", to, int64(i))
		req := p.ending(true)
		if code := protocol.ErrorCode(l.c.endTxn(req.Version, p.id, p.producer, p.epoch, true).ErrorCode); code != protocol.NoError {
			l.tb.Fatalf("%s comes back, and cannot commit: %s", id, code)
		}
		until(l.tb, "it is committed", l.b.allStable, advance)
		if n := len(slices.DeleteFunc(l.c.committedValues(to), func(v string) bool { return !strings.HasPrefix(v, "after-"+id+"/") })); n < 2 {
			l.tb.Errorf("%s comes back, and %d of 2 records are read", id, n)
		}
		if got := l.c.committedOf("after", to); got.Offset != int64(i) {
			l.tb.Errorf("%s comes back, and its group stands at %d, want %d", id, got.Offset, i)
		}
	}
}

// committedOf asks for the stable offset of a group.
func (c *client) committedOf(group string, tp model.TopicPartition) kmsg.OffsetFetchResponseGroupTopicPartition {
	c.tb.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	req.Groups = []kmsg.OffsetFetchRequestGroup{{
		Group: group, MemberEpoch: -1, Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: tp.Topic, Partitions: []int32{tp.Partition}}},
	}}
	return ask[*kmsg.OffsetFetchResponse](c, 8, req).Groups[0].Topics[0].Partitions[0]
}

// committedValues reads a partition as a client does that wants what is committed: it
// is told which producers' transactions were aborted, from which offset on.
func (c *client) committedValues(tp model.TopicPartition) (values []string) {
	c.tb.Helper()
	for at := int64(0); ; {
		req := fetchRequest(tp.Topic, tp.Partition, at)
		req.IsolationLevel = 1
		p := ask[*kmsg.FetchResponse](c, 12, req).Topics[0].Partitions[0]
		if code := protocol.ErrorCode(p.ErrorCode); code == protocol.UnknownTopicOrPartition {
			return nil
		} else if code != protocol.NoError {
			c.tb.Fatalf("fetch of %v: %s", tp, code)
		}
		before, coming, aborted := at, p.AbortedTransactions, map[model.ProducerID]bool{}
		for b, err := range batch.Split(p.RecordBatches) {
			must(c.tb, err)
			for len(coming) > 0 && coming[0].FirstOffset <= int64(b.LastOffset()) {
				aborted[model.ProducerID(coming[0].ProducerID)], coming = true, coming[1:]
			}
			at = int64(b.LastOffset()) + 1
			if m, ok, err := batch.ReadMarker(b.Bytes, &b.Header); err != nil {
				c.tb.Fatal(err)
			} else if ok && !m.Commit {
				delete(aborted, m.Producer)
			}
			if b.IsControl() || b.IsTransactional() && aborted[b.ProducerID] {
				continue
			}
			must(c.tb, batch.Records(b.Bytes, &b.Header, 1<<20, func(r batch.Record) error {
				values = append(values, string(r.Value))
				return nil
			}))
		}
		if at == before {
			if at != p.LastStableOffset {
				c.tb.Fatalf("%v is read up to %d of %d", tp, at, p.LastStableOffset)
			}
			return values
		}
	}
}
