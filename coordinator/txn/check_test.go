package txn

import (
	"errors"
	"fmt"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// checkShard holds a machine, if there is one, against the records of its journal
// and of its outbox, and against what it promises.
func checkShard(t *Transactions, index int32, stored []shard.Record) (err error) {
	t.shards.Peek(index, func(m *machine, held []shard.Record) {
		if err = checkDurable(m, append(stored, held...)); err == nil {
			err = m.check()
		}
	})
	return err
}

func durable(m *machine) map[string]value {
	out := map[string]value{}
	for id, tx := range m.ids {
		out[id] = tx.value
	}
	return out
}

// checkDurable compares a live machine with a replay of all records that can be read.
func checkDurable(live *machine, records []shard.Record) error {
	replayed := newMachine()
	for _, r := range records {
		if err := replayed.Replay(r); err != nil && !errors.Is(err, errRecord) {
			return err
		}
	}
	if d := diff(durable(replayed), durable(live)); d != "" {
		return fmt.Errorf("replay of all records (-) and live state (+) differ:\n%s", d)
	}
	return nil
}

func diff(a, b map[string]value) string {
	for id, v := range a {
		if w, found := b[id]; !found || !same(v, w) {
			return gocmp.Diff(a, b, gocmp.AllowUnexported(value{}, topicPartitions{}))
		}
	}
	if len(a) != len(b) {
		return fmt.Sprintf("%d ids and %d", len(a), len(b))
	}
	return ""
}

// check tests what machine.go, wait.go and markers.go promise.
func (m *machine) check() error {
	var census [stateCount]int
	var oldest time.Time
	open := 0
	for id, tx := range m.ids {
		census[tx.state]++
		if tx.state.open() {
			open++
			if at := time.UnixMilli(tx.start); open == 1 || at.Before(oldest) {
				oldest = at
			}
		}
		if err := m.checkOne(tx); tx.id != id || err != nil {
			return fmt.Errorf("%s, %s: %w", id, tx.state, err)
		}
	}
	if census != m.census {
		return fmt.Errorf("counted %v, in truth %v", m.census, census)
	}
	if first, some := m.begun.Next(); some != (open > 0) || some && !first.Equal(oldest) {
		return fmt.Errorf("%d transactions are open since %v, the oldest is said to be of %v", open, oldest, first)
	}
	if len(m.ids) > 0 && !m.timers.Has(timerKey{kind: timerExpiry}) {
		return fmt.Errorf("no expiry timer")
	}
	return nil
}

func (m *machine) checkOne(tx *transaction) error {
	switch {
	case tx.state.prepared() != (tx.markers != nil):
		return fmt.Errorf("markers are under way: %v", tx.markers != nil)
	case tx.markers != nil && len(tx.markers.left) == 0 && tx.partitions.count() > 0:
		return fmt.Errorf("all markers are written")
	case (tx.state == Ongoing) != m.timers.Has(timerKey{kind: timerTimeout, id: tx.id}):
		return fmt.Errorf("timeout timer")
	case !tx.state.prepared() && len(tx.waiting) > 0:
		return fmt.Errorf("%d requests wait for nothing", len(tx.waiting))
	case len(tx.waiting) > waitingMax:
		return fmt.Errorf("%d requests wait", len(tx.waiting))
	case tx.state.open() && tx.start == noTime:
		return fmt.Errorf("it never started")
	case !tx.state.open() && tx.partitions.count() > 0:
		return fmt.Errorf("it holds %v", tx.partitions)
	case tx.next != noProducer && !tx.state.prepared():
		return fmt.Errorf("producer %d is to follow", tx.next)
	}
	for _, r := range tx.waiting {
		if !m.timers.Has(timerKey{timerWait, tx.id, r.number}) {
			return fmt.Errorf("a request waits for ever")
		}
	}
	return nil
}
