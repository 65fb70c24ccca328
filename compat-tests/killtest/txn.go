package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/bank"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// scan is how much later than its timeout a transaction may be aborted: Apache Kafka
// looks for such every 10 s, and is told to look more often, as it would never come to
// that between two kills. restart is how long a start may hold that up.
const (
	scan    = time.Second
	restart = 20 * time.Second
)

func txnProps(target harness.Target) map[string]string {
	props := harness.TestProps()
	if target == harness.Kafka {
		props["transaction.abort.timed.out.transaction.cleanup.interval.ms"] = fmt.Sprint((scan / 2).Milliseconds())
	}
	return props
}

// runTxn kills the broker under clerks that make transfers, and loops that copy.
func runTxn(ctx context.Context, b harness.Broker, o options) error {
	served, err := harness.Advertises(b.Addr(), harness.AddPartitionsToTxn)
	if err != nil {
		return err
	}
	if !served {
		return fmt.Errorf("%s does not serve transactions", b.Target())
	}
	k, err := bank.Start(ctx, b.Addr(), bank.Options{
		Topic: "bank", Partitions: o.partitions, Clerks: o.txn, Timeout: o.txnTimeout, Scan: scan, Restart: restart, Seed: o.seed,
	})
	if err != nil {
		return err
	}
	k.Resume()
	defer k.Stop()
	loops, err := startLoops(ctx, b.Addr(), o)
	defer loops.stop()
	if err != nil {
		return err
	}
	fmt.Printf("%s, %s, %d clerks, %d loops, %d partitions, transactions time out after %v, seed %d\n",
		b.Target(), o.span(), o.txn, len(loops), o.partitions, o.txnTimeout, o.seed)
	random := rand.New(rand.NewPCG(o.seed, 1))
	span, cycle := o.span(), 0
	for last := false; !last; {
		cycle++
		under := o.least + time.Duration(random.Int64N(int64(o.most-o.least)+1)) + loops.settle(cycle)
		if err := killTxnOnce(b, k, loops, under); err != nil {
			return fmt.Errorf("cycle %d: %w", cycle, err)
		}
		time.Sleep(o.least)
		last = span.last(cycle)
		k.Pause()
		err := errors.Join(k.Verify(ctx, last || cycle%o.fullEvery == 0), loops.err())
		k.Resume()
		if err != nil {
			return fmt.Errorf("cycle %d: %w", cycle, err)
		}
		fmt.Printf("cycle %d: %v under load, first answer after %v; %s\n", cycle, under.Round(time.Millisecond), b.StartTime().Round(time.Millisecond), k.Story())
		loops.tell()
	}
	if err := loops.finish(ctx); err != nil {
		return fmt.Errorf("the end: %w", err)
	}
	loops.tell()
	kills, met := k.Met()
	fmt.Printf("ok: %d cycles, %d of them killed the broker with commits under way (%d commits); every transfer was read whole or not at all, as it was ended; the accounts sum up to 0%s\n",
		cycle, kills, met, loops.verdict())
	return nil
}

// killTxnOnce kills the broker after a time under load, and starts it again.
func killTxnOnce(b harness.Broker, k *bank.Bank, loops loops, under time.Duration) error {
	time.Sleep(under)
	loops.away(true)
	k.Killing()
	err := kill(b)
	k.Killed()
	err = errors.Join(err, b.Restart(), k.Err(), loops.err())
	k.Back()
	loops.away(false)
	return err
}
