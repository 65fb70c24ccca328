package loop

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/txn/told"
)

// restartPause is how long a user waits before the program is started again.
const restartPause = 100 * time.Millisecond

// failuresMost is how often in a row a worker may fail before it is started again. A
// client may say that an abort went well, and be of no use any more: franz-go is, once
// it has asked for a commit after the transaction's time.
const failuresMost = 5

// sessionTimeout is how long the broker takes to miss a worker that was killed; it is
// the least that brokers take by default.
const sessionTimeout = 6 * time.Second

// SettleTime is how long a broker has to be up for a group to go on without a worker that
// crashed: its session begins anew with each start.
const SettleTime = 2 * sessionTimeout

// worker is one that copies: a program, started again and again, by one transactional id.
type worker struct {
	*Loop
	number int
	now    atomic.Pointer[told.Worker] // nil: never started
}

// work has the worker live as often as needed, until it is told to stop.
func (w *worker) work(ctx context.Context) error {
	for ctx.Err() == nil {
		p, err := told.Start(w.argv(), w.o.Env)
		if err != nil {
			return fmt.Errorf("start %s: %w", w.o.Command[0], err)
		}
		// Nobody asks a killed one for long.
		stop := context.AfterFunc(ctx, p.Kill)
		w.now.Store(p)
		w.starts.Add(1)
		err = w.live(ctx, p)
		if stop() {
			p.Kill()
		}
		<-p.Ended()
		if ctx.Err() == nil {
			w.said(fmt.Errorf("worker %d ended: %w", w.number, err))
		}
		wait(ctx, restartPause)
	}
	return nil
}

func (w *worker) argv() []string {
	return append(append([]string(nil), w.o.Command...),
		"bootstrap="+w.addr, fmt.Sprintf("id=%s-%d", w.o.Name, w.number), fmt.Sprint("timeout=", w.o.Timeout.Milliseconds()),
		"from="+w.from, "to="+w.to, "group="+w.group, fmt.Sprint("session=", sessionTimeout.Milliseconds()))
}

// live has a program copy until it can not go on, and says why.
func (w *worker) live(ctx context.Context, p *told.Worker) error {
	err := obey(p, "init")
	for failed := 0; err == nil && ctx.Err() == nil; {
		if err = w.copy(p); err == nil {
			failed = 0
			continue
		}
		w.aborts.Add(1)
		if failed++; failed == failuresMost {
			return err
		}
		// What was taken is taken again.
		if after := obey(p, "abort"); after != nil {
			return errors.Join(err, after)
		}
		w.said(fmt.Errorf("worker %d began again: %w", w.number, err))
		err = nil
	}
	return err
}

// copy copies what there is, in one transaction.
func (w *worker) copy(p *told.Worker) error {
	a, err := p.Ask("take")
	switch {
	case err != nil:
		return err
	case !a.OK:
		return fmt.Errorf("take: %s", a.Error)
	case a.Count == 0:
		return nil
	}
	for _, command := range []string{"offsets", "commit"} {
		if err := obey(p, command); err != nil {
			return err
		}
	}
	w.commits.Add(1)
	return nil
}

// obey gives a command that has to succeed.
func obey(p *told.Worker, command string) error {
	a, err := p.Ask(command)
	if err == nil && !a.OK {
		err = fmt.Errorf("%s: %s", command, a.Error)
	}
	return err
}
