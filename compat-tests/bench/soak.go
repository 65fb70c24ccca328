package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/promise"
)

const (
	// soakLives is how many lives the broker has in a soak; all but the last end
	// in turn by kill -9 and by a clean stop, under load.
	soakLives   = 5
	soakEvery   = 2 * time.Second // Between two looks.
	soakRate    = 12_000          // Records of 1 KiB a second of the mix.
	soakChecked = 500             // Records a second that are checked one by one.
)

// soaked is one look at a broker.
type soaked struct {
	at                      time.Time
	anon, files, goroutines float64
	space                   sample // nil before the mix is steady.
}

// soak is a run of the row.
type soak struct {
	*stand
	stocks  []*stock
	ledger  *promise.Ledger
	workers *promise.Workers
	begun   time.Time
	settled time.Duration // When the longest retention has set in.
	lives   [][]soaked
	starts  []float64
}

// runSoak mixes retention, compaction, group commits and restarts for long.
func runSoak(s *stand) (sample, error) {
	k := &soak{stand: s, ledger: promise.New(4)}
	short := min(max(s.soak.Seconds()/80, 1.5), 20)
	var err error
	if k.stocks, err = s.mix(soakRate, short); err != nil {
		return nil, err
	}
	if err := k.ledger.CreateTopic(s.ctx, s.broker.Addr()); err != nil {
		return nil, err
	}
	if k.workers, err = promise.Start(s.ctx, s.broker.Addr(), k.ledger, 2, soakChecked); err != nil {
		return nil, err
	}
	defer k.workers.Stop()
	k.begun, k.settled = time.Now(), time.Duration(1.3*16*short*float64(time.Second))
	for n := range soakLives {
		if err := k.life(n); err != nil {
			return nil, fmt.Errorf("life %d, after %v: %w", n+1, time.Since(k.begun).Round(time.Second), err)
		}
	}
	return k.sample(), nil
}

// life loads the broker, looks at it, ends it and checks what it has promised.
func (k *soak) life(n int) (err error) {
	for _, st := range k.stocks {
		st.load.Seconds = int((k.soak.Seconds())/soakLives) + 30
		c, err := k.startChild(st.load)
		if err != nil {
			return err
		}
		defer c.abandon()
	}
	k.workers.Resume()
	before, err := scrape(k.broker.Metrics())
	if err != nil {
		return err
	}
	var looks []soaked
	for end := time.Now().Add(k.soak / soakLives); time.Now().Before(end); {
		if err := k.sleep(min(soakEvery, time.Until(end))); err != nil {
			return err
		}
		one, after, err := k.look()
		if err != nil {
			return errors.Join(err, k.workers.Err())
		}
		looks = append(looks, one)
		before["expected"] += soakEvery.Seconds() * soakRate * kib
		if grown := after["mainstem_log_appended_bytes_total"] - before["mainstem_log_appended_bytes_total"]; len(looks) > 5 && grown < before["expected"]/4 {
			return fmt.Errorf("only %.0f MB were appended of %.0f: a load has ended", grown/1e6, before["expected"]/1e6)
		}
	}
	k.lives = append(k.lives, looks)
	if n < soakLives-1 {
		end, how := k.broker.Kill, "kill -9"
		if n%2 == 1 {
			end, how = k.broker.Stop, "a clean stop"
		}
		if err := end(); err != nil {
			return err
		}
		if err := k.broker.Restart(); err != nil {
			return fmt.Errorf("after %s: %w", how, err)
		}
		k.starts = append(k.starts, k.broker.StartTime().Seconds())
	}
	checked, err := k.workers.Verify(k.ctx, k.broker.Addr(), n == soakLives-1)
	last := looks[len(looks)-1]
	k.say("%s: life %d of %d: %.0f MiB anon, %.0f descriptors, %.0f goroutines; %d records checked", k.row.name, n+1, soakLives,
		last.anon, last.files, last.goroutines, checked)
	return err
}

// look takes the broker's figures, and all its metrics.
func (k *soak) look() (soaked, map[string]float64, error) {
	one := soaked{at: time.Now()}
	mem, err := harness.ReadMemory(k.broker.PID())
	if err != nil {
		return one, nil, err
	}
	files, err := harness.Descriptors(k.broker.PID())
	if err != nil {
		return one, nil, err
	}
	m, err := scrape(k.broker.Metrics())
	if err != nil {
		return one, nil, err
	}
	one.anon, one.files, one.goroutines = mib(mem.Anon), float64(files), m["go_goroutines"]
	if time.Since(k.begun) < k.settled {
		return one, m, nil
	}
	others, err := k.sizes(promise.Topic, "__consumer_offsets")
	if err != nil {
		return one, nil, err
	}
	one.space, err = k.space(k.stocks, others)
	return one, m, err
}

// sizes are the bytes of topics as the broker has them.
func (s *stand) sizes(topics ...string) (n float64, err error) {
	err = s.admin(func(ctx context.Context, adm *kadm.Client) error {
		dirs, err := adm.DescribeAllLogDirs(ctx, nil)
		if err != nil {
			return err
		}
		dirs.Each(func(d kadm.DescribedLogDir) {
			for _, t := range topics {
				for _, p := range d.Topics[t] {
					n += float64(p.Size)
				}
			}
		})
		return nil
	})
	return n, err
}

// sample is what the soak has shown.
func (k *soak) sample() sample {
	var space []sample
	for _, looks := range k.lives {
		for _, one := range looks {
			if one.space != nil {
				space = append(space, one.space)
			}
		}
	}
	out := mean(space)
	if most, ok := spreadOf(space, mSpace); ok {
		out[mSpaceMost] = most.most
	}
	anon, files, goroutines := func(s soaked) float64 { return s.anon }, func(s soaked) float64 { return s.files }, func(s soaked) float64 { return s.goroutines }
	out[mSoakAnon], out[mSoakAnonLives] = withinLives(k.lives, anon), acrossLives(k.lives, anon)
	out[mSoakFiles], out[mSoakFilesLives] = withinLives(k.lives, files), acrossLives(k.lives, files)
	out[mSoakGo], out[mSoakGoLives] = withinLives(k.lives, goroutines), acrossLives(k.lives, goroutines)
	out[mSoakSlope] = slope(k.lives, anon)
	for _, looks := range k.lives {
		for _, one := range looks {
			out[mPeakAnon], out[mFiles] = max(out[mPeakAnon], one.anon), max(out[mFiles], one.files)
		}
	}
	out[mStartKill] = quantile(k.starts, 1)
	out[mChecked], out[mMinutes] = float64(k.ledger.Total()), time.Since(k.begun).Minutes()
	return out
}
