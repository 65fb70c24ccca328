package server_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
	"github.com/mainstem-mq/mainstem/server"
)

// verdict is what a transaction must have become.
type verdict int

const (
	eitherWay verdict = iota // all of it or nothing
	nothing
	whole
)

// crashLook holds what a broker shows against what clients know.
type crashLook struct {
	tb    testing.TB
	run   *crashRun
	cut   *crashCut
	clock *clock.Manual
	b     *broker
	c     *client

	verdicts map[*crashTxn]verdict
	resent   map[*crashWrite]bool                         // by who resumed its transaction
	resumed  map[*crashTxn]bool                           // ended by its client, after the cut
	records  map[model.TopicPartition]map[string][]string // by transaction and write
	offsets  map[string]int64                             // of groups
}

// crashTally is what all looks came upon.
type crashTally struct {
	starts, again, resumed, resent, lateGroups, decided, unmarked, between, marked, stopped atomic.Int64
}

// crashStart is how a start goes.
type crashStart struct {
	rng   *rand.Rand
	every vfs.Hook // sees all that is done to the disk
	// resume has the clients of open transactions end them; else they leave it to time.
	resume bool
	// lateGroups has groups load after transactions, which then have no one to take
	// markers for offsets.
	lateGroups bool
	// stops ends the broker cleanly once it has loaded, and starts another.
	stops bool
	// known is what an earlier start showed readers; nil: none did.
	known map[*crashTxn]verdict
	seen  atomic.Bool // readers have seen what this one has
	tally *crashTally
}

func (r *crashRun) newLook(tb testing.TB, cut *crashCut) *crashLook {
	tb.Helper()
	return &crashLook{tb: tb, run: r, cut: cut, verdicts: map[*crashTxn]verdict{}, resent: map[*crashWrite]bool{}, resumed: map[*crashTxn]bool{}}
}

// look starts a broker on what a power cut left of the disk, and ends it again.
func (r *crashRun) look(tb testing.TB, cut *crashCut, disk *vfs.Mem, how *crashStart) *crashLook {
	tb.Helper()
	l := r.newLook(tb, cut)
	l.clock = clock.NewManual(cut.clock)
	if redone := l.start(disk, how); how.stops {
		// No time has passed: what groups were not there to take is not tried again.
		l.stop()
		again := &crashStart{rng: how.rng, tally: &crashTally{}}
		if l.start(disk, again) > 0 && redone > 0 {
			how.tally.stopped.Add(1)
		}
	}
	l.b.decisions(l.c, l.waits)
	l.judge()
	if how.known != nil {
		l.verdicts = how.known
	}
	if how.resume {
		l.resume(how)
	}
	// Whatever is left open ends by its timeout.
	l.clock.Advance((crashTimeoutMs + 1) * time.Millisecond)
	l.b.stable(l.c, l.clock)
	l.read()
	l.compare()
	how.seen.Store(true)
	l.goOn()
	l.stop()
	return l
}

func (l *crashLook) stop() {
	l.b.close()
	_ = l.c.conn.Close()
}

// start starts the broker, and looks at the partitions before the coordinators do. It
// returns how many decisions were left to carry out.
func (l *crashLook) start(disk *vfs.Mem, how *crashStart) int64 {
	l.tb.Helper()
	groups, txns := make(chan struct{}), make(chan struct{})
	var redone atomic.Int64
	o := crashOptions(l.run.seed, disk, l.clock)
	o.every = how.every
	o.told = func(e txn.Event) {
		if e.Kind == txn.ShardLoaded {
			redone.Add(int64(e.Count))
		}
	}
	o.load = func(topic string) {
		if topic == cluster.OffsetsTopic {
			<-groups
		} else {
			<-txns
		}
	}
	l.b = newBroker(l.tb, o)
	l.c = l.b.dial()
	some, all := l.marked()
	close(txns)
	if how.lateGroups {
		until(l.tb, "transactions have loaded", func() bool { return l.b.txns.Metrics().ShardsLoaded == 4 }, func() {})
		for range 3 {
			must(l.tb, l.c.roundTrip())
		}
		how.tally.lateGroups.Add(1)
	}
	close(groups)
	l.b.loaded()
	how.tally.starts.Add(1)
	if redone.Load() > 0 {
		how.tally.decided.Add(1)
		switch {
		case all:
			how.tally.marked.Add(1)
		case some:
			how.tally.between.Add(1)
		default:
			how.tally.unmarked.Add(1)
		}
	}
	return redone.Load()
}

// decisions waits until all are carried out: who asks for something before waits for
// that, and no time passes meanwhile.
func (b *broker) decisions(c *client, waits func()) {
	b.tb.Helper()
	req := kmsg.NewPtrListTransactionsRequest()
	req.StateFilters, req.DurationFilterMillis = []string{"PrepareCommit", "PrepareAbort"}, -1
	until(b.tb, "all decisions are carried out", func() bool {
		return len(ask[*kmsg.ListTransactionsResponse](c, 2, req).TransactionStates) == 0
	}, waits)
}

// prepared lists the transactional ids whose last record says that their transaction is
// decided, and not that it is complete.
func (l *crashLook) prepared() map[string]bool {
	ids := map[string]bool{}
	for index := range int32(4) {
		j := server.NewTransactionsJournal(l.b.partitions, l.clock, index)
		must(l.tb, j.Load(func(r shard.Record) error {
			key, value := kmsg.NewTxnMetadataKey(), kmsg.NewTxnMetadataValue()
			if err := errors.Join(key.ReadFrom(r.Key), value.ReadFrom(r.Value)); err != nil {
				return fmt.Errorf("a record of transactions: %w", err)
			}
			ids[key.TransactionalID] = value.State == kmsg.TransactionStatePrepareCommit || value.State == kmsg.TransactionStatePrepareAbort
			return nil
		}))
	}
	maps.DeleteFunc(ids, func(_ string, is bool) bool { return !is })
	return ids
}

// marked reports whether of the transactions that are decided, and no more, some
// partition has its marker, or every one.
func (l *crashLook) marked() (some, all bool) {
	prepared := l.prepared()
	all = true
	for _, x := range l.run.txns {
		if !prepared[x.by.id] || l.followed(x) {
			continue
		}
		for _, w := range x.writes {
			at := w.to
			if w.group != "" {
				at = model.TopicPartition{Topic: cluster.OffsetsTopic, Partition: l.b.groups.Shard(w.group)}
			}
			p, gone := l.b.partitions.Find(at.Topic, at.Partition)
			if gone != nil || !l.had(w.question) {
				continue
			}
			open := slices.ContainsFunc(p.OpenTxns(), func(o replication.OpenTxn) bool {
				return o.Producer == model.ProducerID(x.by.producer)
			})
			some, all = some || !open, all && !open
		}
	}
	return some, all
}

// followed reports whether its producer has begun another one.
func (l *crashLook) followed(x *crashTxn) bool {
	return slices.ContainsFunc(l.run.txns, func(y *crashTxn) bool {
		return y.number > x.number && y.by.id == x.by.id && l.begun(y)
	})
}

// had reports whether an answer was there before the cut; may, whether what was
// asked for may have happened by then.
func (l *crashLook) had(q question) bool { return q.answered != 0 && q.answered <= l.cut.answered }
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

// resume has the clients of open transactions end them: again, if they have asked for
// that already. Some repeat before what they had no answer to.
func (l *crashLook) resume(how *crashStart) {
	for _, x := range l.run.txns {
		if !l.begun(x) || l.had(x.end) || l.may(x.doomed) {
			continue
		}
		p, commit := l.clientOf(x), how.rng.IntN(3) > 0
		if l.may(x.end.at) {
			commit = x.commit
		} else if how.rng.IntN(2) == 0 {
			l.resend(x, p, how.tally)
		}
		l.finish(x, p, commit)
		how.tally.resumed.Add(1)
	}
}

// clientOf is the client of a transaction as it was at the cut.
func (l *crashLook) clientOf(x *crashTxn) *crashProducer {
	p := x.by
	p.next, p.added, p.waits = maps.Clone(x.by.next), map[model.TopicPartition]bool{}, l.waits
	for _, w := range x.writes {
		if l.had(w.question) && w.group == "" {
			p.next[w.to] += int32(w.records)
		}
	}
	return &p
}

func (l *crashLook) resend(x *crashTxn, p *crashProducer, tally *crashTally) {
	for i, w := range x.writes {
		switch {
		case l.had(w.question) || !l.may(w.at):
			continue
		case w.group != "":
			p.commitOffset(l.c, w.group, w.to, x.number)
		default:
			p.produce(l.c, w.to, crashValues(x.label, i, w.records, w.size))
		}
		l.resent[w] = true
		tally.resent.Add(1)
	}
}

// waits is for who has to ask again.
func (l *crashLook) waits() { l.clock.Advance(time.Millisecond) }

// finish ends a transaction.
func (l *crashLook) finish(x *crashTxn, p *crashProducer, commit bool) {
	code := protocol.ConcurrentTransactions
	until(l.tb, "the end of "+x.label, func() bool {
		req := p.ending(commit)
		code = protocol.ErrorCode(l.c.endTxn(req.Version, p.id, p.producer, p.epoch, commit).ErrorCode)
		return code != protocol.ConcurrentTransactions
	}, l.waits)
	switch {
	case code == protocol.NoError && commit:
		l.verdicts[x], l.resumed[x] = whole, true
	case code == protocol.NoError:
		l.verdicts[x] = nothing
	case slices.ContainsFunc(x.writes, l.stood):
		l.tb.Fatalf("%s is open, and cannot be ended: %s", x.label, code)
	}
}

// stood reports whether a write was answered, before the cut or after it.
func (l *crashLook) stood(w *crashWrite) bool { return l.had(w.question) || l.resent[w] }
