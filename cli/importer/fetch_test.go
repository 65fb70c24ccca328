package importer

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// stored is a batch of two records as a broker has it.
func stored(t *testing.T, base model.Offset, producer model.ProducerID, transactional bool) []byte {
	t.Helper()
	made := batch.NewBuilder(batch.None)
	made.BaseOffset, made.Transactional = base, transactional
	if producer >= 0 {
		made.ProducerID, made.ProducerEpoch, made.BaseSequence = producer, 0, 0
	}
	made.Add(1, nil, []byte("a"))
	made.Add(1, nil, []byte("b"))
	b, err := made.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func marker(base model.Offset, producer model.ProducerID, commit bool) []byte {
	b := batch.AppendMarker(nil, &batch.Marker{Producer: producer, Commit: commit})
	batch.SetBaseOffset(b, base)
	return b
}

// TestTake: what readers of committed records are given, and no more; a batch that is cut
// off at the end is left for the next time.
func TestTake(t *testing.T) {
	all := slices.Concat(
		stored(t, 0, -1, false), // was asked for before
		stored(t, 2, 1, true),   // aborted
		stored(t, 4, 2, true),   // committed
		stored(t, 6, 1, false),  // of no transaction
		marker(8, 1, false),
		stored(t, 9, 1, true), // of the next one
		marker(11, 1, true),
		marker(12, 2, true),
		stored(t, 13, 3, true), // aborted, and its marker is not here
		batch.AppendFiller(nil, 15, 5, 0),
		stored(t, 20, -1, false),
		stored(t, 22, -1, false)[:70],
	)
	answer := &kmsg.FetchResponseTopicPartition{
		RecordBatches: all,
		AbortedTransactions: []kmsg.FetchResponseTopicPartitionAbortedTransaction{
			{ProducerID: 1, FirstOffset: 2}, {ProducerID: 3, FirstOffset: 13},
		},
	}
	f := fetched{next: 3}
	if err := f.take(answer, 3); err != nil {
		t.Fatal(err)
	}
	var bases []model.Offset
	for _, b := range f.batches {
		bases = append(bases, b.BaseOffset)
	}
	if !slices.Equal(bases, []model.Offset{4, 6, 9, 20}) || f.next != 22 {
		t.Errorf("batches %v, and then %d", bases, f.next)
	}
	old := slices.Clone(all)
	old[16] = 1
	if err := new(fetched).take(&kmsg.FetchResponseTopicPartition{RecordBatches: old}, 0); !errors.Is(err, errOldFormat) {
		t.Errorf("an old format: %v", err)
	}
	all[len(all)-75]++
	if err := new(fetched).take(answer, 3); !errors.Is(err, batch.ErrCorrupt) {
		t.Errorf("damage: %v", err)
	}
}
