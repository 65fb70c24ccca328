package server_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
)

// moment counts what has happened in a run. 0: it has not.
type moment int

// question is when something was asked for, and when the answer was there.
type question struct{ at, answered moment }

// crashTxn is a transaction of the run, and all that its client knows of it.
type crashTxn struct {
	label  string
	number int64         // the offset that it commits in groups
	by     crashProducer // as it was when the transaction began
	writes []*crashWrite
	end    question
	commit bool   // what the end was to be
	doomed moment // from when on somebody else may have aborted it
}

// crashWrite is one batch, or an offset of a group.
type crashWrite struct {
	question

	to            model.TopicPartition
	records, size int
	group         string // "": records
}

// crashCut is the disk at some moment of the run.
type crashCut struct {
	disk *vfs.Mem
	what string // was about to happen
	// Answers of up to here were there before it, and what was asked for later
	// came after it.
	answered, asked moment
	clock           time.Time
}

// crashRun is a broker on a disk that a copy is made of before every change.
type crashRun struct {
	tb      testing.TB
	rng     *rand.Rand
	seed    uint64
	disk    *vfs.Mem
	clock   clock.Clock
	manual  *clock.Manual // the clock, if it stands still
	b       *broker
	c       *client
	txns    []*crashTxn
	dropped moment // when the topic was asked to be deleted
	faults  vfs.Hook

	mu    sync.Mutex
	armed bool
	now   moment
	cuts  []*crashCut

	// ping keeps a change waiting until a client had the time to hear what it was
	// told before: an answer that comes too early must not come too late for us.
	pinging sync.Mutex
	ping    *client
}

// The topics, and the groups whose offsets are committed with their records.
const (
	crashFew, crashMany, crashGone = "few", "many", "gone"
	crashFewParts, crashManyParts  = 3, 12
)

func crashGroups() []string { return []string{"g", "h", "i"} }

// crashPartitions are all that the run writes to.
func crashPartitions() (all []model.TopicPartition) {
	for topic, n := range map[string]int32{crashFew: crashFewParts, crashMany: crashManyParts, crashGone: 1, cluster.OffsetsTopic: 4} {
		for i := range n {
			all = append(all, model.TopicPartition{Topic: topic, Partition: i})
		}
	}
	return all
}

// newCrashRun starts a broker. Its time stands still unless the disk is to have faults:
// then what failed is tried again after a while.
func newCrashRun(tb testing.TB, seed uint64, faults vfs.Hook) *crashRun {
	tb.Helper()
	r := &crashRun{tb: tb, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), disk: vfs.NewMem(), clock: clock.Real{}, faults: faults}
	if faults == nil {
		r.manual = clock.NewManual(time.Unix(1_700_000_000, 0))
		r.clock = r.manual
	}
	must(tb, r.disk.MkdirAll(dataDir))
	r.start()
	r.c.createTopic(crashFew, crashFewParts)
	if r.async() {
		r.c.createTopic(crashMany, crashManyParts, "flush.messages", "1000000") // not synced for its own sake
	} else {
		r.c.createTopic(crashMany, crashManyParts)
	}
	r.c.createTopic(crashGone, 1)
	for _, group := range crashGroups() {
		r.c.initGroup(group)
	}
	r.c.initID("first")
	return r
}

// async reports whether the records of a topic are not synced for their own sake. A
// decision syncs what stands before it in the log, so that it loses none of its own.
func (r *crashRun) async() bool { return r.seed%2 == 0 }

// crashOptions are those of all brokers of a run.
func crashOptions(seed uint64, disk *vfs.Mem, c clock.Clock) options {
	return options{fs: disk, clock: c, segment: 128 << 10, tuneLog: func(cfg *log.Config) {
		cfg.RingBytes, cfg.CheckpointBytes, cfg.PadGroups = 256<<10, 96<<10, seed%3 == 0
	}}
}

// start starts the broker, also after a clean end.
func (r *crashRun) start() {
	r.tb.Helper()
	o := crashOptions(r.seed, r.disk, r.clock)
	o.every, o.hook = r.hook, r.faults
	r.b = newBroker(r.tb, o)
	r.c = r.b.dial()
	r.setPing(r.b.dial())
}

// stop ends it cleanly.
func (r *crashRun) stop() {
	r.setPing(nil)
	r.b.close()
}

func (r *crashRun) setPing(c *client) {
	r.pinging.Lock()
	defer r.pinging.Unlock()
	r.ping = c
}

// hook looks at the disk before every change of it.
func (r *crashRun) hook(op vfs.Op) error {
	if !op.Is(vfs.AnyChange) {
		return nil
	}
	r.pinging.Lock()
	for i := 0; i < 2 && r.ping != nil && r.ping.roundTrip() == nil; i++ {
	}
	r.pinging.Unlock()
	r.cut(fmt.Sprintf("%v of %s", op.Kind, op.Name))
	return nil
}

// cut keeps the disk as it is.
func (r *crashRun) cut(what string) {
	r.mu.Lock()
	armed, answered := r.armed, r.now
	r.mu.Unlock()
	if !armed {
		return
	}
	cut := &crashCut{disk: r.disk.Clone(), what: what, answered: answered, clock: r.clock.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	cut.asked = r.now
	r.cuts = append(r.cuts, cut)
}

// arm begins to look, or ends it.
func (r *crashRun) arm(armed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed = armed
}

// note gives what happens its moment.
func (r *crashRun) note(at *moment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now++
	*at = r.now
}

// told notes an answer, and looks at the disk: what was answered must be there now.
func (r *crashRun) told(what string, at *moment) {
	r.note(at)
	r.cut("answer to " + what)
}

// begin begins a transaction.
func (r *crashRun) begin(p *crashProducer) *crashTxn {
	n := len(r.txns) + 1
	x := &crashTxn{label: fmt.Sprintf("%s-%d", p.id, n), number: int64(n), by: *p}
	x.by.next = maps.Clone(p.next)
	r.txns = append(r.txns, x)
	return x
}

// write writes records in a transaction.
func (r *crashRun) write(p *crashProducer, x *crashTxn, topic string, partition int32, records, size int) {
	r.tb.Helper()
	w := &crashWrite{to: model.TopicPartition{Topic: topic, Partition: partition}, records: records, size: size}
	values := crashValues(x.label, len(x.writes), records, size)
	x.writes = append(x.writes, w)
	r.note(&w.at)
	p.produce(r.c, w.to, values)
	r.told("produce", &w.answered)
}

// offsets commits an offset in a transaction.
func (r *crashRun) offsets(p *crashProducer, x *crashTxn, groups ...string) {
	r.tb.Helper()
	for _, group := range groups {
		w := &crashWrite{to: crashOffsetOf(), group: group}
		x.writes = append(x.writes, w)
		r.note(&w.at)
		p.commitOffset(r.c, group, w.to, x.number)
		r.told("commit of an offset", &w.answered)
	}
}

// crashOffsetOf is the partition whose offsets the groups commit.
func crashOffsetOf() model.TopicPartition { return model.TopicPartition{Topic: crashFew} }

// crashEnd is one of several ends that are asked for at once.
type crashEnd struct {
	p      *crashProducer
	x      *crashTxn
	commit bool
}

// end ends transactions, all at once.
func (r *crashRun) end(all ...crashEnd) {
	r.tb.Helper()
	clients := make([]*client, len(all))
	requests := make([]*kmsg.EndTxnRequest, len(all))
	for i, e := range all {
		clients[i], requests[i] = r.b.dial(), e.p.ending(e.commit)
		e.x.commit = e.commit
		r.note(&e.x.end.at)
	}
	for i := range all {
		clients[i].send(requests[i])
	}
	for i, e := range all {
		resp, _ := clients[i].receive(requests[i], clients[i].next).(*kmsg.EndTxnResponse)
		e.p.insist(clients[i], "end", func() protocol.ErrorCode {
			if resp == nil {
				resp = ask[*kmsg.EndTxnResponse](clients[i], requests[i].Version, requests[i])
			}
			code := e.p.ended(resp)
			resp = nil
			return code
		})
		r.told("end of "+e.x.label, &e.x.end.answered)
		_ = clients[i].conn.Close()
	}
}

// waits is for who has to ask again.
func (r *crashRun) waits() {
	if r.manual != nil {
		r.manual.Advance(time.Millisecond)
	}
}

// roundTrip asks for what the broker answers without its disk.
func (c *client) roundTrip() error {
	if _, err := c.conn.Write(c.frame(newApiVersions())); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err := c.receiveBytes()
	return err
}

// stable waits until no transaction holds the end of any partition. The time it may
// take is bounded if the clock stands still: by what a marker is tried again in.
func (b *broker) stable(c *client, manual *clock.Manual) {
	b.tb.Helper()
	var last time.Time
	if manual != nil {
		last = manual.Now().Add(20 * time.Second)
	}
	until(b.tb, "no transaction holds the end of a partition", func() bool { return len(b.unstable()) == 0 }, func() {
		must(b.tb, c.roundTrip())
		if manual == nil {
			return
		}
		if manual.Advance(time.Millisecond); manual.Now().After(last) {
			b.tb.Fatalf("still held by transactions: %s", strings.Join(b.unstable(), ", "))
		}
	})
}

// unstable lists the partitions whose end is held by a transaction.
func (b *broker) unstable() (all []string) {
	for _, tp := range crashPartitions() {
		p, gone := b.partitions.Find(tp.Topic, tp.Partition)
		if gone != nil {
			continue // the topic is deleted
		}
		if o := p.Offsets(); o.LastStable != o.End {
			all = append(all, fmt.Sprintf("%s-%d at %d of %d by %v", tp.Topic, tp.Partition, o.LastStable, o.End, p.OpenTxns()))
		}
	}
	return all
}
