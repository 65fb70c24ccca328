package replication

import (
	"cmp"
	"slices"
	"time"
)

// CompactionTotals count what compaction did since the start.
type CompactionTotals struct {
	Runs, Failed             uint64 // without what the broker's end, or a deletion, ended
	ReadBytes, WrittenBytes  int64  // of batches; what is read twice counts twice
	RecordsRead, RecordsKept int64
	Seconds                  float64
}

// TopicCompaction is how the partitions of a compacted topic are.
type TopicCompaction struct {
	Topic                  string
	Partitions             int
	CleanBytes, DirtyBytes int64
	WaitingBytes           int64          // of what may not be compacted yet
	DirtyRatio             float64        // of the dirtiest partition
	LastRun                time.Time      // of any partition; zero: none since the start
	Uncleanable            map[string]int // partitions by reason (UncleanableReason)
}

// spent adds to the totals what a compaction took, whatever became of it.
func (c *Compactor) spent(r *Compaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.mu.totals
	t.ReadBytes += r.BytesLearnt + r.BytesRead
	t.WrittenBytes += r.BytesKept
	t.Seconds += r.Took.Seconds()
}

// count adds a compaction that ended well, or failed, to the totals.
func (c *Compactor) count(r *Compaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.mu.totals
	t.Runs++
	if r.Err != nil {
		t.Failed++
	}
	t.RecordsRead += r.Records.RecordsRead
	t.RecordsKept += r.Records.RecordsKept
}

// publish makes what the round knows visible to others.
func (c *Compactor) publish() {
	byName := make(map[string]*TopicCompaction)
	for _, d := range c.states {
		t := byName[d.topic]
		if t == nil {
			t = &TopicCompaction{Topic: d.topic}
			byName[d.topic] = t
		}
		t.Partitions++
		t.CleanBytes += d.state.CleanBytes
		t.DirtyBytes += d.state.DirtyBytes
		t.WaitingBytes += d.state.WaitingBytes
		t.DirtyRatio = max(t.DirtyRatio, d.ratio())
		if d.last.After(t.LastRun) {
			t.LastRun = d.last
		}
		if err := d.uncleanable(); err != nil {
			if t.Uncleanable == nil {
				t.Uncleanable = make(map[string]int)
			}
			t.Uncleanable[UncleanableReason(err)]++
		}
	}
	topics := make([]TopicCompaction, 0, len(byName))
	for _, t := range byName {
		topics = append(topics, *t)
	}
	slices.SortFunc(topics, func(a, b TopicCompaction) int { return cmp.Compare(a.Topic, b.Topic) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.topics = topics
}

// Totals count what was done since the start.
func (c *Compactor) Totals() CompactionTotals {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.totals
}

// Topics are the compacted topics as the last round found them, by name.
func (c *Compactor) Topics() []TopicCompaction {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.topics
}
