package txn

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/shard/shardtest"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// seedsMin is how many random conversations a plain test run holds, seedsShort a
// short one.
const (
	seedsMin   = 3000
	seedsShort = 200
	steps      = 60 // of a conversation, on average
)

// TestRandomConversations lets clients of both transaction versions do what they
// like, right and wrong, over partitions that take what theirs would, while the
// journal is slow, loses appends and fails to load, markers wait and fail, and the
// shard moves. After every step the machine must be what its records say; no
// transaction may ever end in two ways, or otherwise than its client was told; and
// in the end none may be left open, and every request must have had its one answer.
func TestRandomConversations(t *testing.T) {
	seeds(t)
	var total tally
	defer total.check(t)
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, rt, func(w *world) {
			rt.Repeat(map[string]func(*rapid.T){
				"": w.check, "init": w.init, "come": w.come, "add": w.add, "add more": w.add, "write": w.write,
				"end": w.end, "end again": w.end, "verify": w.verify, "look": w.look,
				"kill": w.kill, "advance": w.advance, "journal": w.disturb, "markers": w.disturbMarkers,
				"restart": w.restart, "move": w.move, "transaction": w.transaction, "transactions": w.transactions,
				"more transactions": w.transactions, "yet more": w.transactions,
			})
			w.finish(rt)
			total.add(w)
		})
	})
}

// inBubble plays with a world.
func inBubble(t *testing.T, rt *rapid.T, play func(*world)) {
	t.Helper()
	shardtest.Bubble(t, func() *world { return newWorld(rt) }, play, func(w *world) {
		w.journal.Release(-1)
		w.txns.Close()
	})
}

// tally is what happened in all conversations.
type tally struct{ played, commits, aborts, againstWill, overflows, left int }

func (n *tally) add(w *world) {
	n.played++
	for _, tx := range w.log.seen {
		switch {
		case tx.asked && tx.heard && tx.commit:
			n.commits++
		case tx.asked && tx.heard:
			n.aborts++
		case !tx.asked:
			n.againstWill++
		default:
			n.left++ // its client never heard
		}
	}
	for _, r := range w.journal.All() {
		if v, _, err := readValue(r.Value); err == nil && v.state.prepared() && v.next != noProducer {
			n.overflows++
		}
	}
}

// check wants that conversations are about something.
func (n *tally) check(t *testing.T) {
	t.Helper()
	t.Logf("%+v", *n)
	if n.played >= seedsShort && (min(n.commits, n.aborts) < n.played || min(n.againstWill, n.overflows) < n.played/10) {
		t.Errorf("not much happened: %+v", *n)
	}
}

func seeds(t *testing.T) {
	t.Helper()
	n := seedsMin
	if testing.Short() {
		n = 5 * seedsShort // of which rapid plays a fifth then
	}
	shardtest.Flags(t, map[string]int{"rapid.checks": n, "rapid.steps": steps})
}

// world is one coordinator with one shard, partitions, and clients with what they
// know.
type world struct {
	mu sync.Mutex // held by replies and markers; whoever acts does so when all is at rest

	clock    *clock.Manual
	journal  *epochJournal
	markers  *fakeMarkers
	txns     *Transactions
	given    model.ProducerID
	refuse   bool // producer ids
	asked    int
	answered int

	clients []*client
	log     fakePartitions
	bad     string // what must not be
}

func newWorld(rt *rapid.T) *world {
	w := &world{clock: clock.NewManual(time.UnixMilli(1_000_000)), journal: &epochJournal{}}
	w.log = fakePartitions{fail: func(format string, args ...any) { w.bad = fmt.Sprintf(format, args...) }}
	w.markers = &fakeMarkers{
		say: func(string, ...any) {}, rest: func() {}, fail: map[model.TopicPartition]protocol.ErrorCode{},
		take: func(job MarkerJob, p model.TopicPartition) *protocol.Error {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.log.mark(job, p)
		},
	}
	// Some ids are near the end of their epochs.
	for i, id := range []string{"a", "b"} {
		v := begin(model.ProducerID(1000+i), 1000, 1_000_000).value
		v.epoch = rapid.SampledFrom([]model.ProducerEpoch{0, 32760, 32764}).Draw(rt, "epoch")
		w.journal.Set(func(j *shard.MemoryState) { j.Durable = append(j.Durable, record(id, &v)) })
	}
	w.start(rt)
	for range 3 {
		w.come(rt)
	}
	return w
}

func (w *world) start(rt *rapid.T) {
	config := DefaultConfig()
	config.Shards, config.Expiration, config.ExpiryInterval = 1, 10*time.Minute, time.Minute
	txns, err := New(func() Config { return config }, Env{
		Clock:    w.clock,
		Journals: func(int32) Journal { return w.journal },
		NewProducerID: func() (model.ProducerID, bool) {
			if w.refuse {
				return 0, false
			}
			w.given++
			return w.given, true
		},
		WriteMarkers: w.markers.write,
	})
	if err != nil {
		rt.Fatal(err)
	}
	w.txns = txns
	w.journal.epoch++
	go func() { _ = w.txns.Load(0) }() // a failure is retried
	synctest.Wait()
}

// expect counts a request and makes the reply that may come once.
func expect[R any](w *world, f func(R)) func(R) {
	w.asked++
	answered := false
	return func(r R) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if answered {
			w.bad = "a request was answered twice"
		}
		answered = true
		w.answered++
		f(r)
	}
}

func (w *world) someone(rt *rapid.T) *client { return rapid.SampledFrom(w.clients).Draw(rt, "client") }

// come is a client that starts.
func (w *world) come(rt *rapid.T) {
	c := &client{
		id:    rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id"),
		bumps: rapid.Bool().Draw(rt, "bumps"), who: nobody(),
	}
	w.clients = append(w.clients, c)
	w.sendInit(c, nobody(), 1000, true)
}

func (w *world) init(rt *rapid.T) {
	c := w.someone(rt)
	given := w.identity(rt, c)
	// Who takes itself for another shall not be it from then on: two would be one.
	w.sendInit(c, given, rapid.SampledFrom([]int32{1000, 3000, 50_000}).Draw(rt, "timeout"), given == c.who || given == nobody())
}

// identity is mostly who the client takes itself for.
func (w *world) identity(rt *rapid.T, c *client) Producer {
	who := c.who
	switch rapid.IntRange(0, 12).Draw(rt, "identity") {
	case 0:
		who = nobody()
	case 1:
		who = w.someone(rt).who
	case 2:
		who.Epoch = max(who.Epoch-1, noEpoch)
	case 3:
		who.Epoch = bump(who.Epoch)
	}
	return who
}

func (w *world) sendInit(c *client, given Producer, timeout int32, takes bool) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.Version, req.TransactionalID, req.TransactionTimeoutMillis = 5, &c.id, timeout
	req.ProducerID, req.ProducerEpoch = int64(given.ID), int16(given.Epoch)
	w.txns.InitProducerID(req, Caller{}, expect(w, func(r *kmsg.InitProducerIDResponse) {
		if r.ErrorCode == 0 && takes {
			c.begin(Producer{model.ProducerID(r.ProducerID), model.ProducerEpoch(r.ProducerEpoch)})
		}
	}))
}

// verdict is expect for an answer that has words with its code.
func verdict(w *world, f func(protocol.ErrorCode)) Verdict {
	answered := expect(w, f)
	return func(code protocol.ErrorCode, _ string) { answered(code) }
}

func (w *world) parts(rt *rapid.T) []model.TopicPartition {
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) model.TopicPartition {
		return tp(rapid.SampledFrom([]string{"t", "u"}).Draw(rt, "topic"), rapid.Int32Range(0, 2).Draw(rt, "partition"))
	}), 0, 4).Draw(rt, "partitions")
}

func (w *world) add(rt *rapid.T) {
	c := w.someone(rt)
	if rapid.IntRange(0, 9).Draw(rt, "wrong") == 0 {
		w.txns.AddPartitions(c.id, w.identity(rt, c), nil, c.bumps, verdict(w, func(protocol.ErrorCode) {}))
		return
	}
	w.sendAdd(c, w.parts(rt))
}

// sendAdd writes into the partitions once they are part of the transaction: what a
// broker does for a client of the newer version, and the client itself before.
func (w *world) sendAdd(c *client, parts []model.TopicPartition) {
	who, n := c.who, c.transaction()
	guards := w.log.guards(parts, who)
	w.txns.AddPartitions(c.id, who, parts, c.bumps, verdict(w, func(code protocol.ErrorCode) {
		if code != protocol.NoError || c.who != who || n.asked {
			return // it does not write behind its own commit
		}
		for _, p := range parts {
			w.log.append(p, who, n, guards[p])
		}
	}))
}

// write adds nothing: the partition is part of the transaction, or is refused.
func (w *world) write(rt *rapid.T) {
	c := w.someone(rt)
	for _, p := range w.parts(rt) {
		if n := c.open; n != nil && !n.asked && n.wrote[p] {
			w.log.append(p, c.who, n, w.log.guards([]model.TopicPartition{p}, c.who)[p])
		}
	}
}

// end commits or aborts, or asks again with what it did before.
func (w *world) end(rt *rapid.T) {
	c := w.someone(rt)
	if c.open == nil || rapid.IntRange(0, 9).Draw(rt, "wrong") == 0 {
		w.sendWrongEnd(rt, c)
		return
	}
	w.sendEnd(c, rapid.Bool().Draw(rt, "commit"))
}

func (w *world) sendWrongEnd(rt *rapid.T, c *client) {
	req := kmsg.NewPtrEndTxnRequest()
	who := w.identity(rt, c)
	// An abort by another does harm, as it does in Kafka, but never tells a lie.
	req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch = 5, c.id, int64(who.ID), int16(who.Epoch)
	w.txns.EndTxn(req, expect(w, func(*kmsg.EndTxnResponse) {}))
}

func (w *world) sendEnd(c *client, commit bool) {
	n, who := c.open, c.who
	if n.asked {
		commit = n.commit
	}
	n.asked, n.commit = true, commit
	req := kmsg.NewPtrEndTxnRequest()
	req.Version, req.TransactionalID, req.Commit = 4, c.id, commit
	if c.bumps {
		req.Version = 5
	}
	req.ProducerID, req.ProducerEpoch = int64(who.ID), int16(who.Epoch)
	w.txns.EndTxn(req, expect(w, func(r *kmsg.EndTxnResponse) {
		switch protocol.ErrorCode(r.ErrorCode) {
		case protocol.NoError:
			n.told(commit, w.log.fail)
			if c.open != n || c.who != who {
				return
			}
			if c.bumps {
				who = Producer{model.ProducerID(r.ProducerID), model.ProducerEpoch(r.ProducerEpoch)}
			}
			if exhausted(who.Epoch) && who.Epoch > 32766 {
				w.bad = "a client was given the last epoch"
			}
			c.begin(who)
		case protocol.CoordinatorLoadInProgress, protocol.NotCoordinator, protocol.ConcurrentTransactions:
			// It asks again.
		default:
			c.begin(nobody()) // it has to begin anew
		}
	}))
}

// transactions are some, one after the other.
func (w *world) transactions(rt *rapid.T) {
	for range 4 {
		w.transaction(rt)
	}
}

// transaction is a whole one, by a client that does all right.
func (w *world) transaction(rt *rapid.T) {
	c := w.someone(rt)
	if c.open != nil && c.open.asked {
		w.sendEnd(c, c.open.commit)
		synctest.Wait()
	}
	if c.who == nobody() {
		w.sendInit(c, nobody(), 3000, true)
		synctest.Wait()
	}
	w.sendAdd(c, w.parts(rt))
	synctest.Wait()
	if c.open != nil {
		w.sendEnd(c, rapid.Bool().Draw(rt, "commit"))
		synctest.Wait()
	}
}
