package server_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/server"
)

// plain, part and end are records of no transaction, of a producer's, and the end of
// one.
func plain(key string) shard.Record {
	return shard.Record{Key: []byte(key), Value: []byte("v"), Timestamp: 1}
}

func part(key string, id model.ProducerID, epoch model.ProducerEpoch) shard.Record {
	r := plain(key)
	r.Txn = &shard.Txn{Producer: id, Epoch: epoch}
	return r
}

func end(id model.ProducerID, epoch model.ProducerEpoch, how shard.End, coordinator int32) shard.Record {
	return shard.Record{Txn: &shard.Txn{Producer: id, Epoch: epoch, End: how, CoordinatorEpoch: coordinator}}
}

// loaded shows what a journal has.
func loaded(t *testing.T, j *server.Journal) (all []string) {
	t.Helper()
	must(t, j.Load(func(r shard.Record) error {
		switch x := r.Txn; {
		case x == nil:
			all = append(all, string(r.Key))
		case x.End != shard.EndNone:
			all = append(all, fmt.Sprintf("%d/%d ends: %d by %d", x.Producer, x.Epoch, x.End, x.CoordinatorEpoch))
		default:
			all = append(all, fmt.Sprintf("%s of %d/%d", r.Key, x.Producer, x.Epoch))
		}
		return nil
	}))
	return all
}

// appended appends, and waits for the end of it.
func appended(j *server.Journal, records ...shard.Record) error {
	done := make(chan error, 1)
	j.Append(records, func(err error) { done <- err })
	return <-done
}

// TestJournalOfTransactions: one append may have records of several transactions,
// and what ends them; all of it is loaded as it was, in its order.
func TestJournalOfTransactions(t *testing.T) {
	partitions := partitionsOn(t, vfs.NewMem(), dataDir, 1)
	j := server.NewOffsetsJournal(partitions, clock.Real{}, 0)
	if got := loaded(t, j); len(got) > 0 {
		t.Fatal(got)
	}
	must(t, appended(j, plain("a"), plain("b"), part("c", 7, 1), part("d", 7, 1), part("e", 8, 0), plain("f"), end(7, 2, shard.EndCommit, 5), end(8, 0, shard.EndAbort, 5)))
	must(t, appended(j, plain("g")))
	want := []string{"a", "b", "c of 7/1", "d of 7/1", "e of 8/0", "f", "7/2 ends: 1 by 5", "8/0 ends: 2 by 5", "g"}
	if d := cmp.Diff(want, loaded(t, j)); d != "" {
		t.Error(d)
	}
	p, gone := partitions.Find(cluster.OffsetsTopic, 0)
	if gone != nil {
		t.Fatal(gone)
	}
	if o := p.Offsets(); o.LastStable != o.End || o.End != model.Offset(len(want)) {
		t.Errorf("stable up to %d of %d", o.LastStable, o.End)
	}
}

// TestJournalStopsAtWhatIsRefused: behind a part of an append that is lost nothing
// gets into the log, of this append or later ones, until the next load.
func TestJournalStopsAtWhatIsRefused(t *testing.T) {
	j := server.NewOffsetsJournal(partitionsOn(t, vfs.NewMem(), dataDir, 1), clock.Real{}, 0)
	loaded(t, j)
	must(t, appended(j, end(7, 5, shard.EndAbort, 3)))
	refused := make(chan error, 1)
	j.Append([]shard.Record{plain("a"), end(7, 4, shard.EndCommit, 3), plain("b")}, func(err error) { refused <- err })
	if err := appended(j, plain("c")); err == nil {
		t.Error("an append goes that was built on one that is lost")
	}
	if err := <-refused; err == nil {
		t.Error("a marker of an older epoch is taken")
	}
	if d := cmp.Diff([]string{"7/5 ends: 2 by 3", "a"}, loaded(t, j)); d != "" {
		t.Error(d)
	}
	must(t, appended(j, plain("d")))
}
