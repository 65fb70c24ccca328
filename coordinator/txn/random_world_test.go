package txn

import (
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/shard/shardtest"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// client is one that uses a transactional id.
type client struct {
	id    string
	bumps bool // transaction version 2
	who   Producer
	open  *clientTransaction // nil: it has begun none
}

// begin goes on as a producer, without a transaction.
func (c *client) begin(who Producer) { c.who, c.open = who, nil }

// transaction is the one that the client is in; it begins one if it is in none.
func (c *client) transaction() *clientTransaction {
	if c.open == nil {
		c.open = &clientTransaction{wrote: map[model.TopicPartition]bool{}, ended: map[model.TopicPartition]bool{}}
	}
	return c.open
}

// clientTransaction is a transaction as its client and the partitions see it.
type clientTransaction struct {
	wrote  map[model.TopicPartition]bool
	ended  map[model.TopicPartition]bool // true: committed there
	asked  bool                          // to be ended
	commit bool                          // as it asked
	heard  bool                          // that it ended as it asked
}

// told is that the coordinator says it ended so.
func (n *clientTransaction) told(commit bool, fail func(string, ...any)) {
	n.heard = true
	for p, committed := range n.ended {
		if committed != commit {
			fail("a client is told commit=%v, but in %v it is %v", commit, p, committed)
		}
	}
}

// fakePartitions are partitions as far as transactions can tell: who has which open,
// and which epochs are known.
type fakePartitions struct {
	all  map[model.TopicPartition]*fakePartition
	fail func(format string, args ...any)
	seen []*clientTransaction
}

type fakePartition struct {
	producers map[model.ProducerID]*fakeProducer
}

type fakeProducer struct {
	epoch       model.ProducerEpoch
	coordinator int32
	markers     int
	open        *clientTransaction
}

func (f *fakePartitions) producer(p model.TopicPartition, id model.ProducerID) *fakeProducer {
	if f.all == nil {
		f.all = map[model.TopicPartition]*fakePartition{}
	}
	part := f.all[p]
	if part == nil {
		part = &fakePartition{producers: map[model.ProducerID]*fakeProducer{}}
		f.all[p] = part
	}
	if part.producers[id] == nil {
		part.producers[id] = &fakeProducer{epoch: noEpoch}
	}
	return part.producers[id]
}

// guards are what partitions give before the coordinator is asked.
func (f *fakePartitions) guards(parts []model.TopicPartition, who Producer) map[model.TopicPartition]int {
	guards := map[model.TopicPartition]int{}
	for _, p := range parts {
		guards[p] = f.producer(p, who.ID).markers
	}
	return guards
}

// append takes a batch of a transaction, unless its epoch is old or a marker came
// since it was verified.
func (f *fakePartitions) append(p model.TopicPartition, who Producer, n *clientTransaction, guard int) {
	of := f.producer(p, who.ID)
	if who.Epoch < of.epoch || guard != of.markers {
		return
	}
	if of.open != nil && of.open != n {
		f.fail("two transactions of %v are open in %v", who, p)
	}
	if len(n.wrote) == 0 {
		f.seen = append(f.seen, n)
	}
	of.epoch, of.open = who.Epoch, n
	n.wrote[p] = true
}

// mark takes a marker, as a partition would.
func (f *fakePartitions) mark(job MarkerJob, p model.TopicPartition) *protocol.Error {
	of := f.producer(p, job.Producer.ID)
	switch {
	case job.CoordinatorEpoch < of.coordinator:
		f.fail("a marker of coordinator %d after one of %d", job.CoordinatorEpoch, of.coordinator)
		return protocol.Errorf(protocol.TransactionCoordinatorFenced, "")
	case job.Producer.Epoch < of.epoch, job.BumpedEpoch && job.Producer.Epoch == of.epoch && of.open != nil:
		f.fail("a marker with epoch %d in %v, which knows %d", job.Producer.Epoch, p, of.epoch)
		return protocol.Errorf(protocol.InvalidProducerEpoch, "")
	}
	of.epoch, of.coordinator = job.Producer.Epoch, job.CoordinatorEpoch
	of.markers++
	n := of.open
	of.open = nil
	if n == nil {
		return nil
	}
	n.ended[p] = job.Commit
	switch {
	case job.Commit && (!n.asked || !n.commit):
		f.fail("%v is committed in %v, and nobody asked for it", job.Producer, p)
	case n.heard && job.Commit != n.commit:
		f.fail("%v ends in %v with commit=%v, its client was told otherwise", job.Producer, p, job.Commit)
	}
	for q, committed := range n.ended {
		if committed != job.Commit {
			f.fail("%v ends in %v and in %v in two ways", job.Producer, p, q)
		}
	}
	return nil
}

func (w *world) verify(rt *rapid.T) {
	c := w.someone(rt)
	parts := w.parts(rt)
	answered := expect(w, func(codes []protocol.ErrorCode) {
		if len(codes) != len(parts) {
			w.bad = "not every partition is verified"
		}
	})
	w.txns.Verify(c.id, w.identity(rt, c), parts, func(codes []protocol.ErrorCode, _ string) { answered(codes) })
}

func (w *world) look(rt *rapid.T) {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{w.someone(rt).id, "nobody"}
	w.txns.Describe(req, expect(w, func(*kmsg.DescribeTransactionsResponse) {}))
	list := kmsg.NewPtrListTransactionsRequest()
	w.txns.List(list, expect(w, func(*kmsg.ListTransactionsResponse) {}))
}

func (w *world) kill(rt *rapid.T) {
	w.txns.Abort(w.someone(rt).id, AnyStart, Caller{}, expect(w, func(protocol.ErrorCode) {}))
}

func (w *world) advance(rt *rapid.T) {
	w.clock.Advance(rapid.SampledFrom([]time.Duration{
		0, time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, time.Second, 11 * time.Minute,
	}).Draw(rt, "by"))
}

func (w *world) disturb(rt *rapid.T) {
	switch rapid.IntRange(0, 7).Draw(rt, "how") {
	case 0:
		w.journal.Set(func(j *shard.MemoryState) { j.Hold = true })
	case 1, 2, 3:
		w.journal.Set(func(j *shard.MemoryState) { j.Hold = false })
		w.journal.Release(-1)
	case 4:
		w.journal.Release(1)
	case 5:
		w.journal.Lose()
	case 6:
		fail := rapid.Bool().Draw(rt, "break")
		w.journal.Set(func(j *shard.MemoryState) {
			j.LoadErr = nil
			if fail {
				j.LoadErr = shard.ErrMemory
			}
		})
	case 7:
		w.refuse = !w.refuse
	}
}

func (w *world) disturbMarkers(rt *rapid.T) {
	switch rapid.IntRange(0, 4).Draw(rt, "how") {
	case 0:
		w.markers.set(true)
	case 1, 2:
		w.markers.set(false)
		w.markers.release(-1)
	case 3:
		for _, p := range w.parts(rt) {
			w.markers.fail[p] = rapid.SampledFrom([]protocol.ErrorCode{
				protocol.KafkaStorageError, protocol.CoordinatorLoadInProgress, protocol.NotLeaderOrFollower,
			}).Draw(rt, "code")
		}
	case 4:
		clear(w.markers.fail)
	}
}

func (w *world) restart(rt *rapid.T) {
	w.txns.Close()
	shardtest.Settle(rt, &w.journal.Memory)
	w.journal.Set(func(j *shard.MemoryState) { j.Broken, j.LoadErr = false, nil })
	w.start(rt)
}

// move takes the shard away and brings it back, whatever is under way and held.
func (w *world) move(rt *rapid.T) {
	w.txns.Unload(0)
	shardtest.Settle(rt, &w.journal.Memory)
	go func() { _ = w.txns.Load(0) }() // a failure is retried
	synctest.Wait()
}

func (w *world) check(rt *rapid.T) {
	synctest.Wait()
	if w.bad != "" {
		rt.Fatal(w.bad)
	}
	if err := checkShard(w.txns, 0, w.journal.All()); err != nil {
		rt.Fatal(err)
	}
}

// finish lets all come to rest.
func (w *world) finish(rt *rapid.T) {
	clear(w.markers.fail)
	w.refuse = false
	w.journal.Set(func(j *shard.MemoryState) { j.Hold, j.LoadErr = false, nil })
	w.journal.Release(-1)
	w.markers.set(false)
	w.markers.release(-1)
	for range 100 { // the longest timeout, then the longest pause of markers
		w.clock.Advance(time.Second)
		synctest.Wait()
	}
	w.check(rt)
	w.txns.Close()
	synctest.Wait()
	if w.answered != w.asked {
		rt.Fatalf("%d requests, %d answers", w.asked, w.answered)
	}
	for _, n := range w.log.seen {
		for p := range n.wrote {
			if committed, ended := n.ended[p]; !ended || n.heard && committed != n.commit {
				rt.Fatalf("in %v a transaction ended: %v, committed: %v; its client heard: %v, asked for a commit: %v",
					p, ended, committed, n.heard, n.commit)
			}
		}
	}
	w.checkJournal(rt)
}

// checkJournal restarts from any point of the journal, and from what compaction
// leaves of it: the last record of each key.
func (w *world) checkJournal(rt *rapid.T) {
	records := w.journal.All()
	point := records[:rapid.IntRange(0, len(records)).Draw(rt, "restart at")]
	restarted := newMachine()
	last := map[string]int{}
	for i, r := range point {
		if err := restarted.Replay(r); err != nil {
			rt.Fatal(err)
		}
		last[string(r.Key)] = i
	}
	var compacted []shard.Record
	for i, r := range point {
		if last[string(r.Key)] == i && (r.Value != nil || i%2 == 0) { // old tombstones go too
			compacted = append(compacted, r)
		}
	}
	if err := checkDurable(restarted, compacted); err != nil {
		rt.Fatalf("compacted: %v", err)
	}
	s := &step{
		Turn: shard.Turn{Now: w.clock.Now()}, config: DefaultConfig(), epoch: func() int32 { return 1 },
		send: func(MarkerJob, markersWritten) {},
	}
	restarted.Restore(s, 0)
	if err := restarted.check(); err != nil {
		rt.Fatalf("restarted: %v", err)
	}
}
