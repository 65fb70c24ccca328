package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

const (
	// terabyte is what the log of the row recovery1t has.
	terabyte = 1e12
	// hugeBatch is large because each batch leaves a block or two of its own on
	// the disk: a million of them took a file system minutes to remove.
	hugeBatch = 8 << 20
)

// runRecovery fills a log, kills the broker in the midst of more, and times its
// start.
func runRecovery(s *stand) (sample, error) {
	if err := s.createRow(); err != nil {
		return nil, err
	}
	l := s.scaled(s.row.load)
	begin := time.Now()
	if _, err := s.runChild(l); err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	return s.recover(l, time.Since(begin))
}

// runTerabyte has logfill make the log a terabyte long before that.
func runTerabyte(s *stand) (sample, error) {
	if err := s.createRow(); err != nil {
		return nil, err
	}
	// Each partition gets its leader epoch with its first batch.
	l := s.scaled(s.row.load)
	few := l
	few.Records = l.perBatch() * s.partitions() * l.Producers
	if _, err := s.runChild(few); err != nil {
		return nil, err
	}
	if err := s.broker.Stop(); err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := s.fillLog(int64(terabyte * min(s.scale, 1))); err != nil {
		return nil, err
	}
	took := time.Since(begin)
	s.say("%s: the log is filled, in %.0f s", s.row.name, took.Seconds())
	clean, err := s.startAndAnswer()
	if err != nil {
		return nil, err
	}
	ends, err := s.ends()
	if err != nil {
		return nil, err
	}
	out, err := s.recover(l, took)
	if err != nil {
		return nil, err
	}
	out[mAnswerClean] = clean.Seconds()
	return out, s.readAcross(ends)
}

// recover kills the broker under a load and times its start.
func (s *stand) recover(l load, filling time.Duration) (sample, error) {
	s.say("%s: %s has its log; kill -9 under load", s.row.name, s.target)
	killed, err := s.killUnder(l)
	if err != nil {
		return nil, err
	}
	log, err := takenBy(s.dataDir(), everything)
	if err != nil {
		return nil, err
	}
	return sample{mFill: filling.Seconds(), mLog: float64(log.length) / 1e9, mOnDisk: float64(log.stored) / 1e9, mAnswerKill: killed.Seconds()}, nil
}

// fillLog runs logfill on the stopped broker's data.
func (s *stand) fillLog(bytes int64) error {
	fill, err := harness.Build("logfill")
	if err != nil {
		return err
	}
	ids, err := s.numbers()
	if err != nil {
		return err
	}
	out, err := harness.Run(s.ctx, "", fill, "--data-dir", s.dataDir(), "--partitions", strings.Join(ids, ","), "--bytes", strconv.FormatInt(bytes, 10), "--batch-bytes", strconv.Itoa(hugeBatch))
	if err == nil && out.Code != 0 {
		err = errors.New(out.Stderr)
	}
	if err != nil {
		return fmt.Errorf("logfill: %w", err)
	}
	return nil
}

// numbers are those by which the log knows the row's partitions.
func (s *stand) numbers() ([]string, error) {
	bin, err := harness.MainstemBinary()
	if err != nil {
		return nil, err
	}
	out, err := harness.Run(s.ctx, "", bin, "log", "dump", "--topics", s.dataDir())
	if err != nil || out.Code != 0 {
		return nil, errors.Join(err, errors.New(out.Stderr))
	}
	var ids []string
	for line := range strings.Lines(out.Stdout) {
		id, name, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if ok && strings.HasPrefix(name, s.names[0]+"-") {
			ids = append(ids, id)
		}
	}
	if len(ids) != s.partitions() {
		return nil, fmt.Errorf("%d partitions of %s in the log, not %d:\n%s", len(ids), s.names[0], s.partitions(), out.Stdout)
	}
	return ids, nil
}

// readAcross reads at the start, in the middle and at the end of every
// partition.
func (s *stand) readAcross(ends map[string]map[int32]int64) error {
	c, err := harness.Dial(s.broker.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	for topic, partitions := range ends {
		for p, end := range partitions {
			for _, at := range []int64{0, end / 2, end - 1} {
				if err := fetchOne(c, topic, p, at); err != nil {
					return fmt.Errorf("%s-%d: %w", topic, p, err)
				}
			}
		}
	}
	return nil
}
