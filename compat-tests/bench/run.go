package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// bench is one run.
type bench struct {
	options
	home   string // Of all data.
	stands []*stand
	report *report
	clock  *clock
	memory *fullMemory // nil: left as it is, or not held yet
}

func run(ctx context.Context, o options) (err error) {
	rows, err := pick(o.table, o.rows)
	if err != nil {
		return err
	}
	b := &bench{options: o, clock: &clock{begun: time.Now(), out: os.Stderr}}
	if b.home, err = makeHome(o.dir); err != nil {
		return err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(b.home)) }()
	}
	for i, r := range rows {
		if r.name == soakRow {
			// It is as long as asked for, and takes no rounds from the others.
			rows[i].cost = soaking(o.soak).Seconds()
			b.limit += soaking(o.soak)
		}
		b.clock.add(rows[i], r.rounds(o.rounds))
	}
	if err := b.open(ctx, rows); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.memory.close()) }()
	var failed error
	for _, r := range rows {
		if err := b.row(ctx, r); err != nil {
			// The other rows are still worth having, on brokers that are whole.
			b.clock.say("%s: FAILED: %v", r.name, err)
			b.report.fail(r, err)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", r.name, err), b.closeStands())
		}
		if err := b.write(); err != nil {
			return errors.Join(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	failed = errors.Join(failed, ctx.Err(), b.closeStands())
	b.report.ended = time.Now()
	_, err = os.Stdout.WriteString(b.report.markdown())
	return errors.Join(failed, err, b.write())
}

func makeHome(dir string) (string, error) {
	if dir == "" {
		return harness.ScratchDir("bench-")
	}
	return os.MkdirTemp(dir, "bench-")
}

// open describes the machine.
func (b *bench) open(ctx context.Context, asked []row) error {
	lines, err := machine(ctx, b.home, b.targets)
	if err != nil {
		return err
	}
	b.report = &report{table: b.table, targets: b.targets, rounds: b.rounds, scale: b.scale, begun: b.clock.begun, machine: lines, asked: asked}
	return nil
}

// hold takes the machine's memory for the first row that compares and all that
// follow. A soak may have a busy machine, whose memory is not to be taken away.
func (b *bench) hold(r row) error {
	if b.leave <= 0 || b.memory != nil || r.name == soakRow {
		return nil
	}
	var err error
	if b.memory, err = holdMemory(b.home, int64(b.leave*(1<<30))); err != nil {
		return err
	}
	b.clock.say("%s", b.memory.text())
	b.report.machine = append(b.report.machine, b.memory.text())
	return nil
}

// write renews the report's file.
func (b *bench) write() error {
	if b.out == "" {
		return nil
	}
	return os.WriteFile(b.out, []byte(b.report.markdown()), 0o644)
}

// shared starts the brokers that rows share, if they do not run, and warms
// them up.
func (b *bench) shared(ctx context.Context) error {
	if b.stands != nil {
		return nil
	}
	for _, target := range b.targets {
		s, err := b.start(ctx, target, sharedProps(target))
		if err != nil {
			return err
		}
		b.stands = append(b.stands, s)
		// The ones before have to be still.
		s.idle = 1
	}
	for _, s := range b.stands {
		err := alone(b.stands, s, func() error {
			w, err := s.base()
			b.report.warm(w)
			b.clock.say("%s: started and warm", s.target)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", s.target, err)
		}
	}
	return nil
}

func (b *bench) start(ctx context.Context, target harness.Target, props map[string]string) (*stand, error) {
	dir, err := os.MkdirTemp(b.home, string(target)+"-")
	if err != nil {
		return nil, err
	}
	broker, err := harness.Start(ctx, target, harness.Options{Dir: dir, Heap: "1g", Props: props, ReadyTimeout: 3 * time.Minute})
	if err != nil {
		return nil, err
	}
	return &stand{target: target, broker: broker, scale: b.scale, memory: b.memory, ctx: ctx, say: b.clock.say, soak: b.soak}, nil
}

// closeStands ends the shared brokers.
func (b *bench) closeStands() error {
	var err error
	for _, s := range b.stands {
		err = errors.Join(err, b.leaveBroker(s))
	}
	b.stands = nil
	return err
}

// leaveBroker ends a broker and removes its data, if that is not to be kept.
func (b *bench) leaveBroker(s *stand) error {
	if b.keep {
		return s.broker.Stop()
	}
	return s.broker.Remove()
}
