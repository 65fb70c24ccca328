package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/promise"
)

const (
	soakShort   = 4               // Short lives, before the long one.
	soakEvery   = 2 * time.Second // Between two looks.
	soakRate    = 12_000          // Records of 1 KiB a second of the mix.
	soakChecked = 500             // Records a second that are checked one by one.
	soakMissed  = 10              // Looks that may fail one after the other.
	soakSaid    = 10              // Lines of progress in a life.
)

// lifeTimes are how long the broker's lives last: short ones and a long one,
// which has half of the soak, as what leaks slowly shows in a long life only.
// They end in turn by kill -9 and by a clean stop, under load.
func lifeTimes(soak time.Duration) (out []time.Duration) {
	for range soakShort {
		out = append(out, soak/2/soakShort)
	}
	return append(out, soak/2)
}

// soak is a run of the row.
type soak struct {
	*stand
	stocks  []*stock
	ledger  *promise.Ledger
	workers *promise.Workers
	lasts   *lasts // Of the compacted topic.
	begun   time.Time
	settled time.Duration // When the longest retention has set in.

	lives  [][]soaked
	loaded time.Duration // All lives together.
	dues   []float64     // Per cent of what was due, by life and load.
	starts []float64
}

// runSoak mixes retention, compaction, group commits and restarts for long.
func runSoak(s *stand) (sample, error) {
	k := &soak{stand: s, ledger: promise.New(4)}
	short := min(max(s.soak.Seconds()/80, 1.5), 20)
	var err error
	if k.stocks, err = s.mix(soakRate, short); err != nil {
		return nil, err
	}
	compacted := k.stocks[len(k.stocks)-1].load
	if k.lasts, err = follow(s.broker.Addr(), compacted.Topics[0], compacted.Partitions); err != nil {
		return nil, err
	}
	defer k.lasts.close()
	if err := k.ledger.CreateTopic(s.ctx, s.broker.Addr()); err != nil {
		return nil, err
	}
	if k.workers, err = promise.Start(s.ctx, s.broker.Addr(), k.ledger, 2, soakChecked); err != nil {
		return nil, err
	}
	defer k.workers.Stop()
	k.begun, k.settled = time.Now(), time.Duration(1.3*16*short*float64(time.Second))
	for n, lasts := range lifeTimes(s.soak) {
		if err := k.life(n, lasts); err != nil {
			// What there is until here is not lost.
			s.say("%s: life %d has failed: %v; so far %s", s.row.name, n+1, err, brief(k.sample()))
			return nil, fmt.Errorf("life %d, after %v: %w", n+1, time.Since(k.begun).Round(time.Second), err)
		}
		s.say("%s: after life %d: %s", s.row.name, n+1, brief(k.sample()))
	}
	return k.sample(), nil
}

// life loads the broker, looks at it, ends it and checks what it has promised.
func (k *soak) life(n int, lasts time.Duration) error {
	k.lives = append(k.lives, nil)
	before, err := k.produced()
	if err != nil {
		return err
	}
	loads := make([]*child, len(k.stocks))
	for i, st := range k.stocks {
		// The loads go on to the end of the life, also where looks take long.
		st.load.Seconds = int(lasts.Seconds()*1.2) + 120
		if loads[i], err = k.startChild(st.load); err != nil {
			return err
		}
		defer loads[i].abandon()
	}
	begin := time.Now()
	k.workers.Resume()
	if err := k.watch(n, loads, begin, lasts); err != nil {
		return errors.Join(err, k.workers.Err())
	}
	loaded := time.Since(begin)
	after, err := k.produced()
	if err != nil {
		return err
	}
	if err := running(loads); err != nil {
		return err
	}
	k.loaded += loaded
	for i, st := range k.stocks {
		k.dues = append(k.dues, 100*min(1, float64(after[i]-before[i])/st.load.due(loaded)))
	}
	how, err := k.end(n)
	if err != nil {
		return fmt.Errorf("%s: %w", how, err)
	}
	for _, c := range loads {
		c.abandon() // Its connections are gone.
	}
	return k.check(n, how)
}

// startAllowed is what a load may take to start, and to have what is in flight
// acknowledged at the end.
const startAllowed = 2 * time.Second

// due is how many records a load at a rate has sent after a while.
func (l *load) due(after time.Duration) float64 {
	return float64(l.Rate) * max(after-startAllowed, after/2).Seconds()
}

// watch looks at the broker until the life is to end. A look may fail, as the
// machine may be busy for a while, but not many one after the other.
func (k *soak) watch(n int, loads []*child, begin time.Time, lasts time.Duration) error {
	missed, said := 0, 0
	for time.Since(begin) < lasts {
		if err := k.sleep(min(soakEvery, lasts-time.Since(begin))); err != nil {
			return err
		}
		if err := errors.Join(running(loads), k.workers.Err(), k.lasts.wrong); err != nil {
			return err
		}
		one, err := k.look()
		if err != nil {
			if missed++; missed >= soakMissed {
				return err
			}
			k.say("%s: a look failed: %v", k.row.name, err)
			continue
		}
		missed = 0
		k.lives[n] = append(k.lives[n], one)
		if at := time.Since(begin); said < soakSaid && at >= lasts*time.Duration(said+1)/soakSaid && lasts > time.Minute {
			said++
			k.say("%s: life %d, %s of %s: %.0f MiB anon, %.0f descriptors, %.0f goroutines, %s GB on the disk, %d records checked one by one, so far %s", k.row.name, n+1,
				minutes(at), minutes(lasts), one.anon, one.files, one.goroutines, number(one.space[mOnDisk]), k.ledger.Total(), brief(k.flatness().metrics()))
		}
	}
	return nil
}

// running is an error if a load has ended by itself.
func running(loads []*child) error {
	for i, c := range loads {
		if err := c.running(); err != nil {
			return fmt.Errorf("load %d of %d: %w", i+1, len(loads), err)
		}
	}
	return nil
}

// produced is where the topics of each stock end, all partitions together.
func (k *soak) produced() ([]int64, error) {
	out := make([]int64, len(k.stocks))
	for i, st := range k.stocks {
		ends, err := k.endsOf(st.load.Topics)
		if err != nil {
			return nil, err
		}
		for _, partitions := range ends {
			for _, end := range partitions {
				out[i] += end
			}
		}
	}
	return out, nil
}

// end ends the broker under load, and starts it again.
func (k *soak) end(n int) (how string, err error) {
	end, how := k.broker.Kill, "kill -9"
	if n%2 == 1 {
		end, how = k.broker.Stop, "clean stop"
	}
	if err := end(); err != nil {
		return how, err
	}
	if err := k.broker.Restart(); err != nil {
		return how, err
	}
	k.starts = append(k.starts, k.broker.StartTime().Seconds())
	return how, nil
}

// check compares what the broker has, with no load on it, with what it promised.
func (k *soak) check(n int, how string) error {
	last := n == len(lifeTimes(k.soak))-1
	checked, err := k.workers.Verify(k.ctx, k.broker.Addr(), last)
	if err != nil {
		return fmt.Errorf("after %s: %w", how, err)
	}
	kept, err := k.lasts.check(k.ctx, k.broker.Addr(), k.endsOf)
	if err != nil {
		return fmt.Errorf("compacted topic, after %s: %w", how, err)
	}
	k.say("%s: life %d of %d, %s: %d records checked one by one; of %d records of the compacted topic %d are left, with the last of each of %d keys",
		k.row.name, n+1, len(lifeTimes(k.soak)), how, checked, k.lasts.seen, kept, len(k.lasts.marks))
	return nil
}
