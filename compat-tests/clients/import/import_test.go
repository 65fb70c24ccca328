package importing

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestImport: topics of Apache Kafka are the same on Mainstem, offset by offset, and so
// are positions of groups; with the importer, the target and the source killed meanwhile.
func TestImport(t *testing.T) {
	testbroker.Quick(t)
	w := newWorld(t)
	w.fill()
	w.consumeSome("classic", "classic", everyKind)
	w.consumeSome("new", "consumer", txns)
	w.commitByHand("by.hand", beheaded, 777, "what it was")
	open := w.beginOpen()

	w.killAll()
	w.growsMeanwhile(open)
	w.finishes()
	w.goesOn()
	w.refusals()
}

// slowly is how much the target takes in a second, of the 24 MiB of bulk, so that there
// is something to be killed at.
const slowly = 3 << 20

// killAll kills the importer, the target, and the source.
func (w *world) killAll() {
	w.t.Helper()
	w.quota(slowly)
	im := w.begin("--topics", allTopics, "--parallel", "2")
	first := w.awaitCopied(1)
	w.kill(im)
	im = w.begin("--topics", allTopics)
	second := w.awaitCopied(first + 2500) // more than the first one can have had under way
	w.must(w.target.Kill())
	w.must(w.target.Restart())
	w.quota(slowly)
	third := w.awaitCopied(second)
	if third == 12<<10 {
		w.t.Error("all was copied before the source was killed")
	}
	w.must(w.source.Kill())
	w.must(w.source.Restart())
	s := w.end(im)
	w.t.Logf("killed at %d, %d and %d records of %s-0", first, second, third, bulk)
	if s.Finished || len(s.Groups) > 0 {
		w.t.Errorf("it has finished: %+v", s)
	}
}

// quota is what the importer may write in a second.
func (w *world) quota(bytes float64) {
	w.t.Helper()
	name := "mainstem"
	_, err := w.targetAdmin().AlterClientQuotas(w.ctx, []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: "client-id", Name: &name}},
		Ops:    []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Value: bytes}},
	}})
	w.must(err)
}

// awaitCopied waits until the target has so many records of bulk-0, and returns how many.
func (w *world) awaitCopied(least int64) (n int64) {
	w.t.Helper()
	testbroker.Eventually(w.t, 2*time.Minute, func() error {
		ends, err := w.targetAdmin().ListEndOffsets(w.ctx, bulk)
		if err != nil {
			return err
		}
		if o, ok := ends.Lookup(bulk, 0); ok && o.Err == nil {
			n = o.Offset
		}
		if n < least {
			return fmt.Errorf("%d of %d records", n, least)
		}
		return nil
	})
	return n
}

// beginOpen begins a transaction that stays open.
func (w *world) beginOpen() *kgo.Client {
	w.t.Helper()
	p := w.producer(kgo.TransactionalID("open"))
	w.must(p.BeginTransaction())
	for i := range 10 {
		w.send(p, txns, 0, &kgo.Record{Value: fmt.Appendf(nil, "open %d", i)})
	}
	w.must(p.Flush(w.ctx))
	return p
}

// growsMeanwhile: an open transaction ends the copy, and what comes later is copied by
// the next run.
func (w *world) growsMeanwhile(open *kgo.Client) {
	w.t.Helper()
	w.quota(1 << 30)
	s := w.end(w.begin("--topics", txns+","+stamped))
	for _, t := range s.Topics {
		for _, p := range t.Partitions {
			if wants := t.Topic == txns && p.Partition == 0; (p.OpenTransactionFrom >= 0) != wants || wants && p.End != p.OpenTransactionFrom {
				w.t.Errorf("%s: %+v", t.Topic, p)
			}
		}
	}
	w.must(open.EndTransaction(w.ctx, kgo.TryAbort))
	p := w.producer()
	for n := range 50 {
		w.send(p, stamped, 0, &kgo.Record{Value: fmt.Appendf(nil, "later %d", n)})
	}
	w.must(p.Flush(w.ctx))
}

// finishes: groups with members are in the way, and then all is the same.
func (w *world) finishes() {
	w.t.Helper()
	member := w.client(w.source, kgo.ConsumerGroup("busy"), kgo.ConsumeTopics(everyKind), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err := member.PollFetches(w.ctx).Err(); err != nil {
		w.t.Fatal(err)
	}
	w.must(member.CommitUncommittedOffsets(w.ctx))
	w.refused("groups with members at the source, whose positions still move: busy", "--topics", allTopics, "--finish")
	w.must(member.LeaveGroupContext(w.ctx))
	s := w.end(w.begin("--topics", allTopics, "--finish"))
	if !s.Finished || s.group("classic") == 0 || s.group("new") == 0 || s.group("by.hand") != 1 || s.group("busy") == 0 {
		w.t.Errorf("%+v", s)
	}
	for _, g := range []string{"classic", "new", "by.hand", "busy"} {
		w.samePositions(g)
	}
	for _, topic := range s.Topics {
		seen := w.same(topic.Topic)
		n := int64(0)
		for _, p := range topic.Partitions {
			n += p.Records
			if p.ComparedTo != p.End || p.End != seen.ends[p.Partition] || p.RemovedAtSource != 0 {
				w.t.Errorf("%s: %+v", topic.Topic, p)
			}
		}
		if n != int64(len(seen.records)) {
			w.t.Errorf("%s: %d records were compared, and %d are there", topic.Topic, n, len(seen.records))
		}
		if topic.Topic == txns || topic.Topic == compacted || topic.Topic == beheaded {
			w.readers(topic.Topic, seen.records)
		}
		if !slices.Equal(slices.Sorted(maps.Keys(seen.ends)), seq(len(topic.Partitions))) {
			w.t.Errorf("%s: partitions %v", topic.Topic, seen.ends)
		}
	}
}

func seq(n int) (list []int32) {
	for i := range n {
		list = append(list, int32(i))
	}
	return list
}

func (w *world) commitByHand(group, topic string, at int64, metadata string) {
	w.t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: at, LeaderEpoch: -1, Metadata: metadata})
	resp, err := w.sourceAdmin().CommitOffsets(w.ctx, group, offsets)
	w.must(errors.Join(err, resp.Error()))
}

// goesOn: producers and groups go on at the target where they were.
func (w *world) goesOn() {
	w.t.Helper()
	p := w.client(w.target)
	ends, err := w.targetAdmin().ListEndOffsets(w.ctx, emptied)
	w.must(err)
	r := &kgo.Record{Topic: emptied, Value: []byte("after")}
	w.must(p.ProduceSync(w.ctx, r).FirstErr())
	if o, _ := ends.Lookup(emptied, 0); o.Offset != r.Offset || r.Offset != 1000 {
		w.t.Errorf("a producer goes on at %d, and the end was %d", r.Offset, o.Offset)
	}
	c := w.client(w.target, kgo.ConsumerGroup("by.hand"), kgo.ConsumeTopics(beheaded))
	fetches := c.PollFetches(w.ctx)
	w.must(fetches.Err())
	if first := fetches.Records()[0]; first.Offset != 777 || string(first.Value) != "777" {
		w.t.Errorf("a group goes on at %d: %q", first.Offset, first.Value)
	}
}

// refusals: what cannot be imported is said to be so.
func (w *world) refusals() {
	w.t.Helper()
	w.refused("not being imported", "--topics", stamped)
	w.refused("has no topic nothing", "--topics", "nothing")
	w.refused("internal", "--topics", "__consumer_offsets")
	w.refused("the same cluster", "--topics", stamped, "-b", w.source.Addr())
}

// TestTarget: topics of Mainstem are imported by Mainstem as well; Apache Kafka, which
// would give records other offsets, is refused as a target.
func TestTarget(t *testing.T) {
	testbroker.Quick(t)
	target := targetUnderTest(t)
	w := startWorld(t, harness.Mainstem, target)
	w.topic(stamped, 2, "message.timestamp.type", "LogAppendTime", "mainstem.retention.disk.exempt", "true")
	p := w.producer()
	for n := range 100 {
		w.send(p, stamped, int32(n%2), &kgo.Record{Value: fmt.Appendf(nil, "%d", n)})
	}
	w.must(p.Flush(w.ctx))
	if target == harness.Kafka {
		w.refused("it is not a Mainstem broker", "--topics", stamped)
		topics, err := w.targetAdmin().ListTopics(w.ctx)
		w.must(err)
		if len(topics) > 0 {
			t.Errorf("topics were made: %v", topics.Names())
		}
		return
	}
	if s := w.end(w.begin("--topics", stamped, "--finish")); !s.Finished {
		t.Errorf("%+v", s)
	}
	if seen := w.same(stamped); len(seen.records) != 100 {
		t.Errorf("%d records", len(seen.records))
	}
}
