package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/promise"
)

type options struct {
	target          string
	cycles          int
	length          time.Duration // Instead of cycles.
	partitions      int
	producers, rate int
	least, most     time.Duration
	fullEvery       int
	seed            uint64
	selfCheck, keep bool
	groups          int
	every, session  time.Duration
	txn             int
	txnTimeout      time.Duration
	loops           string
}

func main() {
	var o options
	flag.StringVar(&o.target, "target", "mainstem", "mainstem or kafka")
	flag.IntVar(&o.cycles, "cycles", 20, "kills")
	flag.DurationVar(&o.length, "for", 0, "instead of -cycles, kill for so long")
	flag.IntVar(&o.partitions, "partitions", 8, "partitions of the topic")
	flag.IntVar(&o.producers, "producers", 3, "idempotent producers")
	flag.IntVar(&o.rate, "rate", 20000, "records a second of all producers together")
	flag.DurationVar(&o.least, "least", 200*time.Millisecond, "least time under load before a kill (1s with -loops)")
	flag.DurationVar(&o.most, "most", 1500*time.Millisecond, "most time under load before a kill (4s with -loops)")
	flag.IntVar(&o.fullEvery, "full-every", 20, "cycles between checks of the whole log; the others check what is new")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of the times under load")
	flag.BoolVar(&o.selfCheck, "selfcheck", false, "show that the check catches planted violations")
	flag.BoolVar(&o.keep, "keep", false, "keep the data directory")
	flag.IntVar(&o.groups, "groups", 0, "instead of the producers' records, look at so many groups that consume and commit (-rate is then 100 unless given)")
	flag.DurationVar(&o.every, "every", 5*time.Second, "time between kills under groups")
	flag.DurationVar(&o.session, "session", 10*time.Second, "session timeout of the groups")
	flag.IntVar(&o.txn, "txn", 0, "instead of the producers' records, look at the transfers of so many clerks, each a transaction")
	flag.DurationVar(&o.txnTimeout, "txn-timeout", 5*time.Second, "timeout of the transactions")
	flag.StringVar(&o.loops, "loops", "", "with -txn, also copy topics by transactions of these clients: java, java-3.9, franzgo, with commas")
	flag.Parse()
	if err := o.misused(given); err != nil {
		fmt.Fprintln(os.Stderr, "killtest:", err)
		os.Exit(2)
	}
	if o.groups > 0 && !given("rate") {
		o.rate = 100
	}
	if o.loops != "" && !given("least") && !given("most") {
		o.least, o.most = time.Second, 4*time.Second
	}
	if err := run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "killtest: FAILED:", err)
		os.Exit(1)
	}
}

// given tells whether a flag is on the command line.
func given(name string) (yes bool) {
	flag.Visit(func(f *flag.Flag) { yes = yes || f.Name == name })
	return yes
}

// misused says which flag that is given would do nothing.
func (o options) misused(given func(name string) bool) error {
	if given("cycles") && given("for") {
		return errors.New("-cycles and -for do not go together")
	}
	mine := "" // What is looked at: nothing but the producers' records.
	switch {
	case o.groups > 0 && o.txn > 0:
		return errors.New("-groups and -txn do not go together")
	case o.groups > 0:
		mine = "groups"
	case o.txn > 0:
		mine = "txn"
	}
	for _, f := range []struct{ name, of string }{
		{"every", "groups"},
		{"session", "groups"},
		{"txn-timeout", "txn"},
		{"loops", "txn"},
		{"producers", ""},
		{"selfcheck", ""},
		{"rate", " groups"},
		{"least", " txn"},
		{"most", " txn"},
		{"full-every", " txn"},
		{"seed", " txn"},
	} {
		if given(f.name) && !slices.Contains(strings.Split(f.of, " "), mine) {
			if mine == "" {
				return fmt.Errorf("-%s goes only with -%s", f.name, f.of)
			}
			return fmt.Errorf("-%s does not go with -%s", f.name, mine)
		}
	}
	return nil
}

func run(ctx context.Context, o options) (err error) {
	target, err := harness.ParseTarget(o.target)
	if err != nil {
		return err
	}
	props := harness.TestProps()
	if o.groups > 0 {
		props = groupProps(o.session)
	}
	if o.txn > 0 {
		props = txnProps(target)
	}
	b, err := harness.Start(ctx, target, harness.Options{Props: props, ReadyTimeout: 2 * time.Minute})
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = runs(b)
		}
		if o.keep || err != nil {
			fmt.Println("broker's log and data:", b.LogFile())
			err = errors.Join(err, b.Kill())
			return
		}
		err = b.Remove()
	}()
	if o.groups > 0 {
		return runGroups(ctx, b, o)
	}
	if o.txn > 0 {
		return runTxn(ctx, b, o)
	}
	l := promise.New(o.partitions)
	if err := l.CreateTopic(ctx, b.Addr()); err != nil {
		return err
	}
	w, err := promise.Start(ctx, b.Addr(), l, o.producers, o.rate)
	if err != nil {
		return err
	}
	defer w.Stop()
	if o.selfCheck {
		return selfCheck(ctx, b, l, w, o)
	}
	fmt.Printf("%s, %s, %d partitions, %d producers, %d rec/s, seed %d\n", target, o.span(), o.partitions, o.producers, o.rate, o.seed)
	random := rand.New(rand.NewPCG(o.seed, 1))
	var starts, acks []time.Duration
	span, cycle := o.span(), 0
	for last := false; !last; {
		cycle++
		under := o.least + time.Duration(random.Int64N(int64(o.most-o.least)+1))
		first, err := killOnce(ctx, b, l, w, under)
		if err != nil {
			return fmt.Errorf("cycle %d: %w", cycle, err)
		}
		last = span.last(cycle)
		checked, err := w.Verify(ctx, b.Addr(), last || cycle%o.fullEvery == 0)
		if err != nil {
			return fmt.Errorf("cycle %d: %w", cycle, err)
		}
		starts, acks = append(starts, b.StartTime()), append(acks, first)
		fmt.Printf("cycle %d: %v under load, first answer after %v, first ack after %v, %d records checked, %d acknowledged in all\n",
			cycle, under.Round(time.Millisecond), b.StartTime().Round(time.Millisecond), first.Round(time.Millisecond), checked, l.Total())
	}
	fmt.Printf("ok: %d cycles, %d acknowledged records, none lost, doubled or moved; commits right\n", cycle, l.Total())
	fmt.Printf("kill -9 to first answer: %s; to first ack: %s\n", spread(starts), spread(acks))
	return nil
}

// killOnce kills after a time under load and restarts. It returns the time from
// the restart to the first acknowledgement.
func killOnce(ctx context.Context, b harness.Broker, l *promise.Ledger, w *promise.Workers, under time.Duration) (time.Duration, error) {
	w.Resume()
	time.Sleep(under)
	if err := kill(b); err != nil {
		return 0, err
	}
	before := l.Total()
	begin := time.Now()
	if err := b.Restart(); err != nil {
		return 0, err
	}
	// The producers have gone on trying all the while.
	for l.Total() == before {
		if time.Since(begin) > time.Minute {
			return 0, errors.Join(errors.New("no record was acknowledged within a minute of the restart"), w.Err())
		}
		if err := w.Err(); err != nil {
			return 0, err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(begin), ctx.Err()
}

// selfCheck makes one honest cycle and then shows the check altered readings.
func selfCheck(ctx context.Context, b harness.Broker, l *promise.Ledger, w *promise.Workers, o options) error {
	w.Resume()
	for begin := time.Now(); !l.CommittedAll(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			return errors.New("the consumer commits nothing")
		}
	}
	if _, err := killOnce(ctx, b, l, w, o.most); err != nil {
		return err
	}
	if _, err := w.Verify(ctx, b.Addr(), true); err != nil {
		return fmt.Errorf("the honest reading: %w", err)
	}
	caught, missed, err := w.Planted(ctx, b.Addr())
	if err != nil {
		return err
	}
	for _, what := range caught {
		fmt.Printf("caught: %s\n", what)
	}
	for _, what := range missed {
		fmt.Printf("NOT CAUGHT: %s\n", what)
	}
	if len(missed) > 0 {
		return fmt.Errorf("%d planted violations were not caught", len(missed))
	}
	fmt.Println("ok: every planted violation was caught")
	return nil
}

func spread(ds []time.Duration) string {
	if len(ds) == 0 {
		return "none"
	}
	s := slices.Sorted(slices.Values(ds))
	at := func(q float64) time.Duration { return s[int(q*float64(len(s)-1))].Round(time.Millisecond) }
	return fmt.Sprintf("median %v, least %v, p99 %v, most %v", at(0.5), at(0), at(0.99), at(1))
}
