package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// row measures one row, the targets in turn.
func (b *bench) row(ctx context.Context, r row) error {
	if err := b.enoughDisk(r); err != nil {
		return err
	}
	if err := b.hold(r); err != nil {
		return err
	}
	b.clock.turnTo(r)
	b.clock.say("%s: %s", r.name, r.title)
	res := b.report.add(r)
	if r.cold {
		if err := b.closeStands(); err != nil {
			return err
		}
		return b.turns(ctx, res, func(target harness.Target) (sample, error) { return b.coldRound(ctx, r, target) })
	}
	if err := b.shared(ctx); err != nil {
		return err
	}
	if err := b.prepare(r, res); err != nil {
		return err
	}
	byTarget := map[harness.Target]*stand{}
	for _, s := range b.stands {
		byTarget[s.target] = s
	}
	err := b.turns(ctx, res, func(target harness.Target) (out sample, err error) {
		err = alone(b.stands, byTarget[target], func() error {
			out, err = byTarget[target].runOnce()
			return err
		})
		return out, err
	})
	for _, s := range b.stands {
		err = errors.Join(err, s.drop())
	}
	return err
}

// prepare warms the brokers for the row and looks what they use at rest.
func (b *bench) prepare(r row, res *result) error {
	for _, s := range b.stands {
		s.begin(r)
		if r.alone != "" && r.alone != s.target {
			continue
		}
		if has, err := s.has(r.needs); err != nil || !has {
			if err != nil {
				return err
			}
			res.without(s.target)
			b.clock.say("%s: %s is left out: it does not advertise %s", r.name, s.target, r.needs)
			continue
		}
		err := alone(b.stands, s, func() error {
			w, err := s.prepare()
			b.report.warm(w)
			b.clock.say("%s: %s warmed up, %s", r.name, s.target, w.brief())
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", s.target, err)
		}
	}
	for _, s := range b.stands {
		if err := s.quiet(); err != nil {
			return err
		}
		var err error
		if s.idle, err = s.usage(time.Second); err != nil {
			return err
		}
		res.idle[s.target] = s.idle
	}
	b.clock.spend(warmCost)
	return nil
}

// turns runs the rounds of a row; who goes first changes, so that a drift
// favours none. Past the limit a row has to do with the rounds it has.
func (b *bench) turns(ctx context.Context, res *result, once func(harness.Target) (sample, error)) error {
	r := res.row
	rounds := r.rounds(b.rounds)
	for round := range rounds {
		if elapsed := time.Since(b.clock.begun); round > 0 && elapsed+b.clock.least(elapsed) > b.limit {
			b.clock.say("%s: round %d is left out: the time is short", r.name, round+1)
			b.clock.spend(r.cost * float64(rounds-round))
			return nil
		}
		d, err := measureDisk(b.home, b.scale)
		if err != nil {
			return err
		}
		res.disks = append(res.disks, d)
		for i := range b.targets {
			target := b.targets[(i+round)%len(b.targets)]
			if !res.measures(target) || (round > 0 && r.once == target) {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			out, err := once(target)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", target, round+1, err)
			}
			res.add(target, out)
			b.clock.say("%s: round %d of %d, %-8s %s", r.name, round+1, rounds, target, brief(out))
			if err := b.write(); err != nil {
				return err
			}
		}
		b.clock.spend(r.cost)
	}
	return nil
}

// coldRound is a round on a broker of its own.
func (b *bench) coldRound(ctx context.Context, r row, target harness.Target) (out sample, err error) {
	s, err := b.start(ctx, target, r.properties(target))
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, b.leaveBroker(s))
		// What this process had to remember is the next row's memory.
		debug.FreeOSMemory()
	}()
	s.begin(r)
	return r.run(s)
}

// enoughDisk refuses a row that the disk has no room for.
func (b *bench) enoughDisk(r row) error {
	free, err := freeBytes(b.home)
	if err != nil {
		return err
	}
	// Twice a round's bytes a target, for what is not deleted at once, the
	// warm-up, and room to spare. Rows with brokers of their own leave nothing.
	times := 2 * float64(len(b.targets))
	if r.cold {
		times = 1.2
	}
	need := int64((times*r.gib*max(b.scale, 0.05) + 3) * (1 << 30))
	if free < need {
		return fmt.Errorf("needs %d GiB on the disk, free are %d", need>>30, free>>30)
	}
	return nil
}
