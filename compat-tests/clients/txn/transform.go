package txn

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// pipe is a topic that is copied to another one by transactions that have the
// offsets of what was copied: exactly once.
type pipe struct {
	*world
	from, to, group string
	ledger          ledger // of "to"
	count           int    // records written to each partition of "from"
}

func newPipe(t *testing.T, shared *testbroker.Shared, c Client) *pipe {
	w := newWorld(t, shared, c)
	return &pipe{world: w, from: w.topic(), to: w.topic(), group: shared.Name(t), ledger: ledger{partitions: partitions}}
}

// fill writes more records to be copied.
func (p *pipe) fill() {
	p.t.Helper()
	const n = 40
	for partition := range int32(partitions) {
		name := fmt.Sprintf("%d-%d", partition, p.count)
		p.ledger.add(partition, name, n, true)
		values := make([]string, n)
		for i := range values {
			values[i] = fmt.Sprintf("%s.%d", name, i)
		}
		p.produce(p.from, partition, values...)
	}
	p.count += n
}

// worker starts one that copies.
func (p *pipe) worker(id string) *worker {
	p.t.Helper()
	// Whatever the machine does, no transaction of here is over its time.
	wk := p.start(id, scenarioTime, "from="+p.from, "to="+p.to, "group="+p.group, fmt.Sprint("session=", sessionTimeout.Milliseconds()))
	wk.must("init")
	return wk
}

// take has a worker begin a transaction with records.
func (p *pipe) take(wk *worker) {
	p.t.Helper()
	p.await("a worker gets records", func() error {
		if wk.must("take").Count == 0 {
			return fmt.Errorf("%s got none", wk.name)
		}
		return nil
	})
}

// copy has a worker copy what it takes. While a group is not settled a member may have
// to abort, as franz-go's session does by itself: what it took is taken again.
func (p *pipe) copy(wk *worker) {
	p.t.Helper()
	p.await("a worker commits what it takes", func() error {
		p.take(wk)
		return wk.finish()
	})
}

// finish commits what a worker has taken, or aborts it.
func (w *worker) finish() error {
	w.t.Helper()
	for _, command := range []string{"offsets", "commit"} {
		if a := w.ask(command); !a.OK {
			w.ask("abort") // what it says is the client's thing: all is to be taken again
			return fmt.Errorf("%s: %s", command, a.Error)
		}
	}
	return nil
}

// copied tells whether all of "from" is committed by the group.
func (p *pipe) copied() error {
	offsets, err := p.adm.FetchOffsets(p.ctx, p.group)
	if err != nil {
		return err
	}
	for partition := range int32(partitions) {
		if o, ok := offsets.Lookup(p.from, partition); !ok || o.At != int64(p.count) {
			return fmt.Errorf("partition %d is copied to %d of %d", partition, o.At, p.count)
		}
	}
	return nil
}

// drain has workers copy until all is copied.
func (p *pipe) drain(workers ...*worker) {
	p.t.Helper()
	p.await("all is copied", func() error {
		for _, wk := range workers {
			if wk.must("take").Count == 0 {
				continue
			}
			if err := wk.finish(); err != nil {
				return err
			}
		}
		return p.copied()
	})
}

// Transform copies a topic by one worker after the other with the same id: they
// commit, abort, crash in the middle, and come back from the dead.
func Transform(t *testing.T, shared *testbroker.Shared, c Client) {
	p := newPipe(t, shared, c)
	id := shared.Name(t)
	p.fill()
	first := p.worker(id)
	p.copy(first)
	p.fill()
	p.take(first)
	first.must("offsets")
	first.must("abort")
	p.take(first)
	first.must("abort")
	p.copy(first)
	p.fill()
	p.take(first)
	first.must("offsets")
	first.Kill()

	second := p.worker(id)
	p.take(second)
	second.must("offsets")
	second.Signal(t, syscall.SIGSTOP)
	third := p.worker(id)
	p.drain(third)
	second.Signal(t, syscall.SIGCONT)
	second.mustFail("another worker has its id", "commit")
	second.Kill()
	p.fill()
	p.drain(third)
	p.judge(p.to, &p.ledger, committed)
}

// Members copies a topic by two workers of one group, each with its own id: one
// that was away for too long can not commit what the other one has by now (KIP-447).
func Members(t *testing.T, shared *testbroker.Shared, c Client) {
	p := newPipe(t, shared, c)
	p.fill()
	id := shared.Name(t)
	one := p.worker(id)
	p.copy(one)
	p.fill()
	p.take(one)
	one.Signal(t, syscall.SIGSTOP)
	two := p.worker(shared.Name(t))
	p.drain(two)
	one.Signal(t, syscall.SIGCONT)
	if a := one.ask("offsets"); a.OK {
		one.mustFail("the other worker has its partitions", "commit")
	}
	one.ask("abort")
	one.Kill()
	p.fill()
	p.drain(two)
	p.start(id, time.Minute).must("init") // Who comes with its id ends what it has left open, if anything.
	p.awaitOpen("what was left open is over", p.to)
	p.judge(p.to, &p.ledger, committed)
}
