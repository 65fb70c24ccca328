package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/promise"
)

// soaked is one look at a broker.
type soaked struct {
	at                      time.Time
	anon, files, goroutines float64
	space                   sample // nil before the mix is steady.
}

// look takes the broker's figures, and follows the compacted topic.
func (k *soak) look() (soaked, error) {
	one := soaked{at: time.Now()}
	mem, err := harness.ReadMemory(k.broker.PID())
	if err != nil {
		return one, err
	}
	files, err := harness.Descriptors(k.broker.PID())
	if err != nil {
		return one, err
	}
	m, err := scrape(k.broker.Metrics())
	if err != nil {
		return one, err
	}
	one.anon, one.files, one.goroutines = mib(mem.Anon), float64(files), m["go_goroutines"]
	if err := k.lasts.catchUp(k.ctx, k.endsOf); err != nil || time.Since(k.begun) < k.settled {
		return one, err
	}
	// Nothing of the checked topic is superseded. Of the commits all but one of
	// each partition are.
	checked, err := k.sizes(promise.Topic)
	if err != nil {
		return one, err
	}
	one.space, err = k.space(k.stocks, checked)
	return one, err
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

// flatness is that of what there is so far. A life is warm when all that its
// log holds was appended in it.
func (k *soak) flatness() flatness { return flatness{lives: k.lives, warm: k.settled} }

// sample is what the soak has shown so far.
func (k *soak) sample() sample {
	out := k.flatness().metrics()
	var space []sample
	for _, one := range slices.Concat(k.lives...) {
		if one.space != nil {
			space = append(space, one.space)
		}
		out[mPeakAnon], out[mFiles] = max(out[mPeakAnon], one.anon), max(out[mFiles], one.files)
	}
	maps.Copy(out, mean(space))
	if most, ok := spreadOf(space, mSpace); ok {
		out[mSpaceMost] = most.most
	}
	if len(k.dues) > 0 {
		out[mDue] = slices.Min(k.dues)
	}
	if len(k.starts) > 0 {
		out[mStartKill] = slices.Max(k.starts)
	}
	out[mChecked], out[mMinutes] = float64(k.ledger.Total()), k.loaded.Minutes()
	return out
}
