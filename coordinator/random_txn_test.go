package coordinator

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// txnGroup is a group whose offsets only grow, and come in transactions alone.
const txnGroup = "in transactions"

// txns is what the world knows of the transactions of one producer, whose offsets
// are the numbers of its commits.
type txns struct {
	sent    int64
	asked   map[int64]bool // numbers whose commit was asked for: they may be shown
	aborted map[int64]bool // for sure: they may not
	left    []int64        // of which it is not known that they are over
	ended   int64          // up to this one an end was asked for
	safe    int64          // the newest that was acknowledged, and has not been ended
	at      time.Time      // when it was sent
	seen    int64          // the newest that is committed for sure, or was shown
	seenAt  time.Time      // when it was sent
	wrong   string

	epochs      [3]int32 // the newest of other producers
	coordinator int32    // the newest of their coordinators
}

var txnMember = TxnProducer{ID: 9}

// txnCommit commits the next offset of txnGroup in the open transaction.
func (w *world) txnCommit(*rapid.T) {
	x := &w.txns
	x.sent++
	offset, at := x.sent, w.clock.Now()
	x.left = append(x.left, offset)
	w.commitIn(txnMember, commitRequest(txnGroup, "t", 0, offset), func(ok bool) {
		if ok && offset > x.ended {
			x.safe, x.at = offset, at
		}
	})
}

func (w *world) commitIn(who TxnProducer, plain *kmsg.OffsetCommitRequest, done func(ok bool)) {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Version, req.Group, req.ProducerID, req.ProducerEpoch = 5, plain.Group, int64(who.ID), int16(who.Epoch)
	req.MemberID, req.InstanceID, req.Generation = plain.MemberID, plain.InstanceID, plain.Generation
	for _, t := range plain.Topics {
		topic := kmsg.TxnOffsetCommitRequestTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			topic.Partitions = append(topic.Partitions, kmsg.TxnOffsetCommitRequestTopicPartition{Partition: p.Partition, Offset: p.Offset})
		}
		req.Topics = append(req.Topics, topic)
	}
	reply := expect(w, func(r *kmsg.TxnOffsetCommitResponse) { done(r.Topics[0].Partitions[0].ErrorCode == 0) })
	w.groups.VerifyTxn(req.Group, who, func(guard TxnGuard, _ bool, _ protocol.ErrorCode) {
		w.groups.CommitTxnOffsets(req, guard, w.caller(), reply)
	})
}

// txnEnd ends the open transaction.
func (w *world) txnEnd(rt *rapid.T) {
	x := &w.txns
	if x.asked == nil {
		x.asked, x.aborted = map[int64]bool{}, map[int64]bool{}
	}
	commit := rapid.Bool().Draw(rt, "commit")
	last, safe, at := x.sent, x.safe, x.at
	x.safe, x.ended = 0, last
	for _, n := range x.left {
		x.asked[n] = x.asked[n] || commit
	}
	w.groups.EndTransaction(0, txnMember, commit, 0, false, expect(w, func(code protocol.ErrorCode) {
		if code != protocol.NoError {
			return
		}
		for _, n := range x.left {
			x.aborted[n] = n <= last && !x.asked[n]
		}
		x.left = slices.DeleteFunc(x.left, func(n int64) bool { return n <= last })
		if commit && safe > x.seen {
			x.seen, x.seenAt = safe, at
		}
	}))
}

// txnFetch looks what there is of txnGroup.
func (w *world) txnFetch(rt *rapid.T) {
	x := &w.txns
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.Group, req.RequireStable = 7, txnGroup, rapid.Bool().Draw(rt, "stable")
	req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0}}}
	least, held := x.seen, x.safe
	if w.clock.Now().Sub(x.seenAt) > time.Minute {
		least = 0 // it may have expired
	}
	w.groups.FetchOffsets(req, w.caller(), expect(w, func(r *kmsg.OffsetFetchResponse) {
		if r.ErrorCode != 0 {
			return
		}
		p := r.Topics[0].Partitions[0]
		unstable := p.ErrorCode == int16(protocol.UnstableOffsetCommit)
		switch {
		case req.RequireStable && held != 0 && held == x.safe && !unstable:
			x.wrong = fmt.Sprintf("%d is pending, and %d was fetched as stable", held, p.Offset)
		case unstable:
		case p.Offset < 0 && least > 0, p.Offset >= 0 && p.Offset < least:
			x.wrong = fmt.Sprintf("fetched %d after %d was committed", p.Offset, least)
		case p.Offset > 0 && (!x.asked[p.Offset] || x.aborted[p.Offset]):
			x.wrong = fmt.Sprintf("fetched %d, which was not committed", p.Offset)
		}
	}))
}

// refusesAppend finds out that a record came to the journal that a partition would
// refuse: what it is about would have had to be refused.
func (w *world) refusesAppend(before []Record, r *Record) bool {
	refused := refusesAppend(before, r)
	if refused {
		w.txns.wrong = "recorded what the partition refuses: " + txnText(*r)
	}
	return refused
}

// txnAnyone is a producer of an epoch that may be over.
func (w *world) txnAnyone(rt *rapid.T) TxnProducer {
	id := rapid.SampledFrom([]model.ProducerID{1, 2}).Draw(rt, "producer")
	return TxnProducer{ID: id, Epoch: model.ProducerEpoch(near(rt, "epoch", &w.txns.epochs[id]))}
}

// near is the newest of something that counts up, the one before or the next.
func near(rt *rapid.T, what string, newest *int32) int32 {
	n := max(0, *newest+rapid.SampledFrom([]int32{0, 0, 0, 0, -1, 1}).Draw(rt, what))
	*newest = max(n, *newest)
	return n
}

// txnGivenUp asks for a guard, and never commits.
func (w *world) txnGivenUp(rt *rapid.T) {
	who := w.txnAnyone(rt)
	w.groups.VerifyTxn(txnGroup, who, func(guard TxnGuard, _ bool, _ protocol.ErrorCode) { w.groups.ReleaseTxn(txnGroup, who, guard) })
}

// txnAny commits or ends for others, so that they meet whatever happens to groups.
func (w *world) txnAny(rt *rapid.T) {
	who := w.txnAnyone(rt)
	if rapid.IntRange(0, 2).Draw(rt, "end") == 0 {
		w.groups.EndTransaction(0, who, rapid.Bool().Draw(rt, "commit"), near(rt, "coordinator", &w.txns.coordinator),
			rapid.Bool().Draw(rt, "bumped"), expect(w, func(protocol.ErrorCode) {}))
		return
	}
	me := w.someone(rt)
	topic := rapid.SampledFrom([]string{"t", "u", "v"}).Draw(rt, "topic")
	req := commitRequest(me.group, topic, rapid.Int32Range(0, 3).Draw(rt, "partition"), w.incarnation)
	if rapid.Bool().Draw(rt, "as member") {
		req.MemberID, req.InstanceID, req.Generation = me.id, me.instance, me.gen
	}
	w.commitIn(who, req, func(bool) {})
}

// compact is what a compaction leaves: below the first record of a transaction that
// is open the last record of each key, without what was aborted, and old tombstones
// go too.
func compact(records []Record) []Record {
	const open = -1
	ends := make([]shard.End, len(records))
	left := map[model.ProducerID][]int{}
	for i, r := range records {
		switch {
		case r.Txn == nil:
		case r.Txn.End == shard.EndNone:
			left[r.Txn.Producer] = append(left[r.Txn.Producer], i)
			ends[i] = open
		default:
			for _, at := range left[r.Txn.Producer] {
				ends[at] = r.Txn.End
			}
			delete(left, r.Txn.Producer)
		}
	}
	stable := slices.Index(ends, open)
	if stable < 0 {
		stable = len(records)
	}
	last := map[string]int{}
	for i, r := range records[:stable] {
		if r.Key != nil && ends[i] != shard.EndAbort {
			last[string(r.Key)] = i
		}
	}
	var kept []Record
	for i, r := range records {
		marker := r.Txn != nil && r.Txn.End != shard.EndNone
		if i >= stable || marker || ends[i] != shard.EndAbort && last[string(r.Key)] == i && (r.Value != nil || i%2 == 0) {
			kept = append(kept, r)
		}
	}
	return kept
}
