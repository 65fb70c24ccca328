package replication

import (
	"testing"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

func TestMarkersAreJudged(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		const ok = protocol.NoError
		end := func(when string, m Marker, code protocol.ErrorCode) {
			t.Helper()
			m.Partition, m.Producer = p, 1
			var e ends
			before := p.RefusesMarker(&m, Ahead{})
			w.partitions.AppendMarkers([]Marker{m}, e.add)
			w.settle()
			if (before == nil) != (code == ok) || before != nil && before.Code != code {
				t.Errorf("%s: asked before: %v, want %v", when, before, code)
			}
			got := ok
			if len(e.told) == 1 && e.told[0].Err != nil {
				got = e.told[0].Err.Code
			}
			if len(e.told) != 1 || got != code || (e.told[0].Offset >= 0) != (code == ok) {
				t.Errorf("%s: %+v, want %v", when, e.told, code)
			}
		}
		end("nobody knows the producer", Marker{Epoch: 3, CoordinatorEpoch: 5}, ok)
		end("an older coordinator", Marker{Epoch: 3, CoordinatorEpoch: 4}, protocol.TransactionCoordinatorFenced)
		end("an older epoch", Marker{Epoch: 2, CoordinatorEpoch: 5}, protocol.InvalidProducerEpoch)
		end("once more", Marker{Epoch: 3, CoordinatorEpoch: 5}, ok)
		w.mustSend(p, 1, 4, 0)
		end("bumped, of the records' own epoch", Marker{Epoch: 4, CoordinatorEpoch: 5, BumpedEpoch: true}, protocol.InvalidProducerEpoch)
		end("bumped", Marker{Epoch: 5, CoordinatorEpoch: 6, BumpedEpoch: true}, ok)
		end("bumped, once more", Marker{Epoch: 5, CoordinatorEpoch: 6, BumpedEpoch: true}, ok)
		w.mustSend(p, 1, 5, 0)
		end("of the transaction before", Marker{Epoch: 5, CoordinatorEpoch: 6, BumpedEpoch: true}, protocol.InvalidProducerEpoch)
		end("not bumped", Marker{Epoch: 5, CoordinatorEpoch: 6, Commit: true}, ok)
		end("of records that are lost", Marker{Epoch: 5, CoordinatorEpoch: 6, Internal: true, Generation: p.Generation() + 1}, protocol.KafkaStorageError)
		end("of records that are not", Marker{Epoch: 5, CoordinatorEpoch: 6, Internal: true, Generation: p.Generation()}, ok)

		// The same of a marker that is not written yet.
		w.holdSyncs()
		var e ends
		first := Marker{Partition: p, Producer: 1, Epoch: 7, CoordinatorEpoch: 8}
		w.partitions.AppendMarkers([]Marker{first}, e.add)
		old := first
		old.CoordinatorEpoch = 7
		w.partitions.AppendMarkers([]Marker{old}, e.add)
		w.letSyncs()
		w.settle()
		if len(e.told) != 2 || e.told[0].Err == nil || e.told[0].Err.Code != protocol.TransactionCoordinatorFenced || e.told[1].Err != nil {
			t.Errorf("behind a pending one: %+v", e.told)
		}
		list, perr := p.Producers()
		if perr != nil || len(list) != 1 || list[0] != (ProducerInfo{
			ID: 1, Epoch: 7, LastSequence: -1, LastTimestamp: w.clock.Now().UnixMilli(), CoordinatorEpoch: 8, TxnFirst: -1,
		}) {
			t.Errorf("%+v, %v", list, perr)
		}
	})
}

// TestMarkersTogether: results come in the order of the markers, whatever
// becomes of each, and each partition has its own.
func TestMarkersTogether(t *testing.T) {
	inWorld(t, func(w *world) {
		if r := w.journal.CreateTopics([]cluster.TopicSpec{{Name: "gone", Partitions: 1}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		gone, err := w.partitions.Find("gone", 0)
		if err != nil {
			t.Fatal(err)
		}
		a, b := w.part(0), w.part(1)
		w.mustSend(a, 1, 0, 0)
		w.mustSend(b, 1, 5, 0)
		w.mustSend(b, 2, 0, 0)
		if err := w.journal.DeleteTopics([]string{"gone"})[0]; err != nil {
			t.Fatal(err)
		}
		var e ends
		groups, syncs := w.log.Stats().Groups, w.log.Stats().Syncs
		w.partitions.AppendMarkers([]Marker{marker(b, 2, 0, true), marker(gone, 1, 0, true), marker(a, 1, 0, true)}, e.add)
		w.settle()
		if s := w.log.Stats(); s.Groups != groups+1 || s.Syncs != syncs+1 {
			t.Errorf("%d groups and %d syncs for one transaction", s.Groups-groups, s.Syncs-syncs)
		}
		if len(e.told) != 3 || e.told[0].Offset != 2 || e.told[2].Offset != 1 ||
			e.told[1].Err == nil || e.told[1].Err.Code != protocol.UnknownTopicOrPartition {
			t.Fatalf("%+v", e.told)
		}
		w.wantStable(a, "ended", 2, 2)
		w.wantStable(b, "another is open", 0, 3)
		seen := 0
		w.partitions.EachOpenTxn(func(p *Partition, open []OpenTxn) {
			if seen++; p != b || len(open) != 1 || open[0].Producer != 1 || open[0].Epoch != 5 {
				t.Errorf("%v: %+v", p, open)
			}
		})
		if seen != 1 {
			t.Errorf("%d partitions have open transactions", seen)
		}
		e.told = nil
		w.partitions.AppendMarkers(nil, func(r []MarkerResult) { e.told = append(e.told, MarkerResult{Offset: model.Offset(len(r))}) })
		if len(e.told) != 1 || e.told[0].Offset != 0 {
			t.Errorf("no markers: %+v", e.told)
		}
		defer func() {
			if recover() == nil {
				t.Error("two markers for one partition were taken")
			}
		}()
		w.partitions.AppendMarkers([]Marker{marker(a, 1, 0, true), marker(a, 2, 0, true)}, e.add)
	})
}
