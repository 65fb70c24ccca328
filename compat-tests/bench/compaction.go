package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

const (
	// cleanMost is how long a compaction may take.
	cleanMost = 4 * time.Minute
	// cleanCalm is how long a broker has to be at rest before the topic is
	// counted, and cleanRest the part of a core that counts as rest.
	cleanCalm = 4 * time.Second
	cleanRest = 0.10
	// cleanAgain is how long it may rest before the topic is counted again.
	cleanAgain = 45 * time.Second
	// dedupeBuffer is the memory that the map of keys may take.
	dedupeBuffer = "67108864"
)

// cleaning are the broker settings of the compaction row, for both alike.
func cleaning() map[harness.Target]map[string]string {
	out := givingBack(10 * time.Second)
	for _, props := range out {
		props["log.cleaner.backoff.ms"] = "1000"
		props["log.cleaner.dedupe.buffer.size"] = dedupeBuffer
	}
	return out
}

// runCompaction takes a topic from dirty to clean, after a smaller one that is
// not counted: a JVM has to be warm.
func runCompaction(s *stand) (sample, error) {
	l := s.scaled(s.row.load)
	l.Keys = max(int(float64(l.Keys)*min(s.scale, 1)), 1000)
	few := l
	few.Records, few.Keys = l.Records/5, l.Keys/5
	_, before, err := s.compact(few)
	if err != nil {
		return nil, fmt.Errorf("warm up: %w", err)
	}
	out, _, err := s.compact(l)
	if err != nil {
		return nil, err
	}
	// What a process keeps of its first compaction is the compaction's, too.
	out[mGrown] = max(0, out[mPeakAnon]-mib(before.Anon))
	return out, nil
}

// compact fills a topic, which is then made dirty at one stroke, and returns
// what the broker spends until it is clean, and its memory before that.
func (s *stand) compact(l load) (out sample, rest harness.Memory, err error) {
	// Nothing is old enough to be cleaned until that is altered.
	configs := map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.5", "segment.bytes": "67108864", "min.compaction.lag.ms": "3600000",
	}
	if s.names, _, err = s.make(1, 1, configs); err != nil {
		return nil, rest, err
	}
	l.Topics, l.Partitions = s.names, 1
	if _, err := s.runChild(l); err != nil {
		return nil, rest, fmt.Errorf("fill: %w", err)
	}
	if err := s.quiet(); err != nil {
		return nil, rest, err
	}
	if rest, err = harness.ReadMemory(s.broker.PID()); err != nil {
		return nil, rest, err
	}
	c, err := s.untilClean(l)
	if err != nil {
		return nil, rest, err
	}
	s.say("%s: %s is clean: %d records of %d are left, %d keys", s.row.name, s.target, c.left.Records, l.Records, c.left.Keys)
	return sample{
		mAmount: float64(l.Records), mLeft: float64(c.left.Records), mCleanCPU: c.cpu.Seconds(), mCleanTime: c.took.Seconds(),
		mPeakAnon: mib(c.peak.Anon), mFiles: float64(c.peak.Descriptors),
	}, rest, s.delete(s.names)
}

// cleaned is what a compaction took.
type cleaned struct {
	cpu, took time.Duration
	peak      harness.Peak
	left      outcome
}

// untilClean has the topic cleaned. When the broker has come to rest the topic
// is read, which is the same way to know it on every broker, and no part of
// what it took.
func (s *stand) untilClean(l load) (c cleaned, err error) {
	if err := s.closeSegment(l); err != nil {
		return c, err
	}
	before, err := harness.ReadCPU(s.broker.PID())
	if err != nil {
		return c, err
	}
	begin, base := time.Now(), before.Total()
	// Now it is old enough, all at one stroke.
	if err := s.alter(l.Topics, "min.compaction.lag.ms", "0"); err != nil {
		return c, err
	}
	for time.Since(begin) < cleanMost {
		sampler := harness.Sample(s.broker.PID(), 50*time.Millisecond)
		at, spent, err := s.awaitRest()
		peak := sampler.Stop()
		if err != nil {
			return c, err
		}
		c.took, c.cpu = at.Sub(begin), spent-base
		c.peak.Anon, c.peak.Descriptors = max(c.peak.Anon, peak.Anon), max(c.peak.Descriptors, peak.Descriptors)
		if c.left, err = s.count(l); err != nil {
			return c, err
		}
		switch {
		case c.left.Keys < l.Keys:
			return c, fmt.Errorf("%d keys are left of %d: some were lost", c.left.Keys, l.Keys)
		case c.left.Records <= l.Keys+l.Keys/50+2*l.perBatch():
			// Every key once, but for what was produced last.
			return c, nil
		}
		s.say("%s: %s rests, with %d records of %d keys still there", s.row.name, s.target, c.left.Records, c.left.Keys)
		// What the reading took is nobody's.
		after, err := harness.ReadCPU(s.broker.PID())
		if err != nil {
			return c, err
		}
		base += after.Total() - spent
		if err := errors.Join(s.turnOver(l), s.alter(l.Topics, "min.cleanable.dirty.ratio", "0.01")); err != nil {
			return c, err
		}
	}
	return c, fmt.Errorf("not clean after %v: %d records of %d keys are still there", cleanMost, c.left.Records, c.left.Keys)
}

// awaitRest waits until the broker rests after it was busy, or was not busy for
// long, and returns since when it rests and what it had used by then.
func (s *stand) awaitRest() (since time.Time, spent time.Duration, err error) {
	busy := false
	for begin := time.Now(); ; {
		before, err := harness.ReadCPU(s.broker.PID())
		if err != nil {
			return since, 0, err
		}
		at := time.Now()
		part, err := s.usage(500 * time.Millisecond)
		if err := errors.Join(err, s.ctx.Err()); err != nil {
			return since, 0, err
		}
		switch {
		case part > cleanRest:
			busy, since = true, time.Time{}
			continue
		case since.IsZero():
			since, spent = at, before.Total()
		}
		if time.Since(since) > cleanCalm && (busy || time.Since(begin) > cleanAgain) {
			return since, spent, nil
		}
	}
}

// closeSegment has none of the topic stand in the segment that is written.
func (s *stand) closeSegment(l load) error {
	if err := s.alter(l.Topics, "segment.ms", "1000"); err != nil {
		return err
	}
	// Settings take a moment until every part of a broker has them.
	if err := s.sleep(2 * time.Second); err != nil {
		return err
	}
	return errors.Join(s.turnOver(l), s.quiet())
}

// alter sets a topic's setting.
func (s *stand) alter(topics []string, name, value string) error {
	err := s.admin(func(ctx context.Context, adm *kadm.Client) error {
		got, err := adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, topics...)
		if err != nil {
			return err
		}
		for _, one := range got {
			err = errors.Join(err, one.Err)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

// turnOver begins a new segment, by a batch that comes late enough.
func (s *stand) turnOver(l load) error {
	l.Records, l.Producers = l.perBatch(), 1
	_, err := s.runChild(l)
	return err
}

// count reads the whole topic.
func (s *stand) count(l load) (outcome, error) {
	ends, err := s.ends()
	if err != nil {
		return outcome{}, err
	}
	l.Op, l.To = "consume", ends
	return s.runChild(l)
}
