package log

import (
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// remembered is how many dropped partitions the log still knows of.
func (f *fixture) remembered() (graves, tombs int) {
	f.t.Helper()
	t := f.log.partitions
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.mu.graves), f.log.indexes.tombs.count()
}

func (f *fixture) drop(ids ...model.PartitionID) {
	for _, id := range ids {
		f.disk.standing[id] = Dropped
		f.log.Drop(id)
		delete(f.want, id)
		delete(f.ends, id)
	}
}

// mergeAll merges until there is nothing to merge.
func (f *fixture) mergeAll() {
	f.t.Helper()
	for more := true; more; {
		var err error
		if more, err = f.log.indexes.merge(f.log.partitions.findOrGrave); err != nil {
			f.t.Fatal(err)
		}
	}
}

// Partitions that come and go leave nothing behind: those that no index file
// has heard of at once, the others when the files that name them are merged.
func TestDroppedPartitionsAreForgotten(t *testing.T) {
	f := newFixture(t, Config{CheckpointInterval: time.Hour})
	f.disk.standing = make(map[model.PartitionID]Standing)
	f.append(300, 1)
	f.checkpoint()
	f.append(300, 1, 2, 3)
	f.log.Partition(4) // nothing was ever written to it
	f.drop(2, 3, 4)
	f.checkpoint()
	if graves, tombs := f.remembered(); graves != 0 || tombs != 0 {
		t.Errorf("%d graves, %d tombs of partitions that no index file has", graves, tombs)
	}
	f.checkLive()

	f.append(300, 1, 5, 6)
	f.checkpoint()
	f.append(300, 1, 6)
	f.drop(5)
	f.checkpoint()
	f.drop(6)
	f.checkpoint()
	if graves, tombs := f.remembered(); graves != 0 || tombs != 2 {
		t.Errorf("%d graves, %d tombs; want two tombs", graves, tombs)
	}
	f.restart() // they are found in the files, and not counted once more
	f.checkpoint()
	f.checkLive()
	if graves, tombs := f.remembered(); graves != 0 || tombs != 2 {
		t.Errorf("after a restart: %d graves, %d tombs; want two tombs", graves, tombs)
	}
	f.log.indexes.levelFiles = len(f.log.indexes.snapshot())
	f.mergeAll()
	if graves, tombs := f.remembered(); graves != 0 || tombs != 0 {
		t.Errorf("after a merge of all files: %d graves, %d tombs", graves, tombs)
	}
	f.append(300, 1)
	f.checkpoint()
	for range 2 {
		f.kill()
		f.check()
		f.checkLive()
	}
	f.close()
}

// While only the newer files are merged, what says that older ones lie stays.
func TestTombStaysForOlderFiles(t *testing.T) {
	f := newFixture(t, Config{CheckpointInterval: time.Hour})
	f.disk.standing = make(map[model.PartitionID]Standing)
	for range 2 {
		f.append(300, 1, 2)
		f.checkpoint()
	}
	f.log.indexes.levelFiles = 2
	f.mergeAll() // an older file that has partition 2
	f.append(300, 1)
	f.checkpoint()
	f.drop(2)
	f.append(300, 1)
	f.checkpoint()
	f.log.indexes.levelFiles = 2
	before := len(f.log.indexes.snapshot())
	more, err := f.log.indexes.merge(f.log.partitions.findOrGrave) // the two newer ones
	if err != nil || !more || len(f.log.indexes.snapshot()) != before-1 {
		t.Fatal(more, err)
	}
	if _, tombs := f.remembered(); tombs != 1 {
		t.Errorf("%d tombs, want one", tombs)
	}
	f.append(300, 1)
	f.checkpoint() // names the merged file
	f.kill()
	f.checkpoint()
	f.check()
	f.checkLive()
	f.close()
}
