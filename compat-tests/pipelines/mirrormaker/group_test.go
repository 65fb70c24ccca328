package mirrormaker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// consume has a member of a group read a topic until enough says so, and commit all of it.
func consume(t *testing.T, addr, group, topic string, enough func([]*kgo.Record) bool) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx := testbroker.Context(t, tape.CatchUp)
	var all []*kgo.Record
	for !enough(all) {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%s reads %s: %d records, and then no more", group, topic, len(all))
		}
		all = append(all, fs.Records()...)
	}
	if err := cl.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
	return all
}

// move has a consumer group read the original up to where it ends now, and returns what
// it has read, by key. There MirrorMaker knows positions: before where it began, or began
// again, it does not.
func (m *mirrored) move(t *testing.T, group string) map[string]bool {
	t.Helper()
	ends, err := admin(t, m.from).ListEndOffsets(testbroker.Context(t, time.Minute), m.topic)
	if err := errors.Join(err, ends.Error()); err != nil {
		t.Fatal(err)
	}
	records := consume(t, m.from, group, m.topic, func(all []*kgo.Record) bool {
		next := map[int32]int64{}
		for _, r := range all {
			next[r.Partition] = r.Offset + 1
		}
		for p := range m.partitions {
			if next[p] < ends[m.topic][p].Offset {
				return false
			}
		}
		return true
	})
	seen := map[string]bool{}
	for _, r := range records {
		seen[string(r.Key)] = true
	}
	return seen
}

// synced waits until a group has a position in each partition of the mirror that is not
// its begin.
func (m *mirrored) synced(t *testing.T, group string, alive func() error) {
	t.Helper()
	adm := admin(t, m.to)
	testbroker.Eventually(t, tape.CatchUp, func() error {
		if err := alive(); err != nil {
			t.Fatal(err)
		}
		offsets, err := adm.FetchOffsets(testbroker.Context(t, time.Minute), group)
		if err := errors.Join(err, offsets.Error()); err != nil {
			return err
		}
		for p := range m.partitions {
			if o, is := offsets.Lookup(m.copy, p); !is || o.At <= 0 {
				return fmt.Errorf("%s has no position in partition %d of %s", group, p, m.copy)
			}
		}
		return nil
	})
}

// goOn has the group go on with the mirror. It must not miss a record of n, and not begin
// at the start; what it reads again is what MirrorMaker does not know to the record.
func (m *mirrored) goOn(t *testing.T, group string, seen map[string]bool, n int) {
	t.Helper()
	before, again := len(seen), 0
	records := consume(t, m.to, group, m.copy, func() func(all []*kgo.Record) bool {
		looked := 0
		return func(all []*kgo.Record) bool {
			for ; looked < len(all); looked++ {
				if key := string(all[looked].Key); seen[key] {
					again++
				} else {
					seen[key] = true
				}
			}
			return len(seen) >= n
		}
	}())
	if again >= before {
		t.Errorf("%s began from the start: %d records again", group, again)
	}
	t.Logf("%s read %d of %s, and then %d of %s, %d of them again", group, before, m.topic, len(records), m.copy, again)
}
