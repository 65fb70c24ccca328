package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// runOffsetsLoad commits a million offsets and times how long after its start a
// broker knows them.
func runOffsetsLoad(s *stand) (sample, error) {
	if err := s.createRow(); err != nil {
		return nil, err
	}
	l := s.row.load
	l.Group.Members = 0 // Nobody has to join again.
	l.Group.Groups = max(int(float64(l.Group.Groups)*s.scale), offsetsTopics)
	l.Records = l.Group.Groups * l.Group.Each
	// Another offset for each group: a place that is not the first.
	l.Place = 1
	filled, err := s.measureAsIs(s.placed(l))
	if err != nil {
		return nil, err
	}
	out := sample{mAmount: filled[mAmount], mRate: filled[mRate], mPerRecord: filled[mPerRecord]}
	// One group in each partition of __consumer_offsets: all of them are loaded.
	groups := map[int]string{}
	for n := range l.Group.Groups {
		name := groupName(s.names[0], n)
		if at := offsetsPartition(name, offsetsTopics); groups[at] == "" {
			groups[at] = name
		}
	}
	for _, end := range []struct {
		how                       func() error
		metadata, first, all, cpu string
	}{
		{s.broker.Stop, mStart, mFirstClean, mLoadClean, mCPUClean},
		{s.broker.Kill, mStartKill, mFirstKill, mLoadKill, mCPUKill},
	} {
		// What it puts off, such as a checkpoint, is behind it.
		if err := errors.Join(s.toRest(), end.how()); err != nil {
			return nil, err
		}
		first, all, err := s.startAndFetch(groups)
		if err != nil {
			return nil, err
		}
		cpu, err := harness.ReadCPU(s.broker.PID())
		if err != nil {
			return nil, err
		}
		out[end.cpu] = cpu.Total().Seconds()
		out[end.metadata], out[end.first], out[end.all] = s.broker.StartTime().Seconds(), first.Seconds(), all.Seconds()
	}
	return out, nil
}

// offsetsPartition is where a group's offsets are: Java's hash of its name.
func offsetsPartition(group string, partitions int) int {
	var h int32
	for _, c := range []byte(group) {
		h = 31*h + int32(c)
	}
	return int(h&0x7fffffff) % partitions
}

// startAndFetch starts the stopped broker and returns how long it takes until
// the first of the groups has its offset, and until all have.
func (s *stand) startAndFetch(groups map[int]string) (first, all time.Duration, err error) {
	begin := time.Now()
	if err := s.broker.Restart(); err != nil {
		return 0, 0, err
	}
	c, err := harness.Dial(s.broker.Addr(), time.Second)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	for _, group := range groups {
		for {
			at, err := offsetOf(c, group, s.names[0])
			if err == nil && at <= 0 {
				return 0, 0, fmt.Errorf("%s has offset %d after the start", group, at)
			}
			if err == nil {
				break
			}
			if time.Since(begin) > answerMost || s.ctx.Err() != nil {
				return 0, 0, errors.Join(fmt.Errorf("offset of %s: %w", group, err), s.ctx.Err())
			}
			time.Sleep(time.Millisecond)
		}
		all = time.Since(begin)
		if first == 0 {
			first = all
		}
	}
	return first, all, nil
}

// runManyGroups measures what a broker needs at rest without groups and with
// many, and what their heartbeats cost.
func runManyGroups(s *stand) (sample, error) {
	if err := s.createRow(); err != nil {
		return nil, err
	}
	// A JVM's compiler has to be done before anything is at rest.
	base := producing(warmRecords, 200, 64*kib, 1)
	if _, err := s.runChild(s.scaled(base)); err != nil {
		return nil, err
	}
	idle := max(time.Duration(float64(idleFor)*min(s.scale, 1)), 2*time.Second)
	rest := func() (float64, error) {
		if err := s.toRest(); err != nil {
			return 0, err
		}
		used, err := s.usage(idle)
		return 100 * used, err
	}
	bare, err := rest()
	if err != nil {
		return nil, err
	}
	before, err := harness.ReadMemory(s.broker.PID())
	if err != nil {
		return nil, err
	}
	l := s.row.load
	l.Op = "settle"
	settled, err := s.runChild(s.placed(l))
	if err != nil {
		return nil, err
	}
	full, err := rest()
	if err != nil {
		return nil, err
	}
	after, err := harness.ReadMemory(s.broker.PID())
	if err != nil {
		return nil, err
	}
	l = s.row.load
	l.Group.IDs = settled.IDs
	// Uncounted, until the heartbeats' path is compiled.
	if _, err := s.runChild(s.scaled(l)); err != nil {
		return nil, err
	}
	out, err := s.measure(l)
	if err != nil {
		return nil, err
	}
	out[mBareIdle], out[mGroupsIdle] = bare, full
	out[mRestAnon], out[mGroupsAnon] = mib(before.Anon), mib(after.Anon)
	return out, nil
}
