package main

import (
	"errors"
	"syscall"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// putOff is longer than a broker puts off what its clients do not wait for:
// Mainstem writes a checkpoint, and then merges index files, 10 s after the one
// before at the latest.
const putOff = 12 * time.Second

// measure runs a load, scaled, and takes the broker's costs meanwhile.
func (s *stand) measure(l load) (sample, error) { return s.measureAsIs(s.scaled(l)) }

// measureAsIs runs a load whose place and amount are given.
func (s *stand) measureAsIs(l load) (sample, error) {
	return s.measureUntil(l, func() (float64, error) { return 0, nil })
}

// measureToRest does the same, and what the broker puts off is part of the cost,
// but not the part of a core that it uses at rest meanwhile.
func (s *stand) measureToRest(l load, atRest float64) (sample, error) {
	return s.measureUntil(l, func() (float64, error) {
		begin := time.Now()
		err := s.toRest()
		return atRest * time.Since(begin).Seconds(), err
	})
}

// toRest waits until the broker has done what it puts off: nothing was asked of
// it for longer than putOff, and it does nothing now.
func (s *stand) toRest() error { return errors.Join(s.sleep(putOff), s.quiet()) }

// measureUntil runs a load and charges it with all that the broker does until
// something else has ended too, which tells how many seconds of CPU are nobody's.
func (s *stand) measureUntil(l load, ended func() (float64, error)) (sample, error) {
	if err := s.memory.fill(); err != nil {
		return nil, err
	}
	// What earlier rounds left dirty is written now, not within this round.
	syscall.Sync()
	pid := s.broker.PID()
	before, err := harness.ReadCPU(pid)
	if err != nil {
		return nil, err
	}
	sampler := harness.Sample(pid, 50*time.Millisecond)
	free := 0.0
	o, err := s.runChild(l)
	if err == nil {
		free, err = ended()
	}
	peak := sampler.Stop()
	if err != nil {
		return nil, err
	}
	after, err := harness.ReadCPU(pid)
	if err != nil {
		return nil, err
	}
	return costs(o, (after.Total()-before.Total()).Seconds()-free, peak), nil
}

// costs turns what the client and the kernel saw into metrics.
func costs(o outcome, cpu float64, peak harness.Peak) sample {
	out := sample{
		mAmount:    float64(o.Records),
		mRate:      float64(o.Records) / o.Seconds,
		mPerRecord: cpu * 1e6 / float64(o.Records),
		mPeakAnon:  mib(peak.Anon),
		mPeakFile:  mib(peak.File),
		mFiles:     float64(peak.Descriptors),
	}
	if o.Bytes > 0 {
		out[mBytes] = float64(o.Bytes) / 1e6 / o.Seconds
		out[mPerGB] = cpu / (float64(o.Bytes) / 1e9)
	}
	if o.Batches > 0 {
		out[mRecords] = float64(o.Records) / float64(o.Batches)
		out[mPerBatch] = cpu * 1e6 / float64(o.Batches)
	}
	if o.Requests > 0 && o.Batches > 0 {
		out[mBatches] = float64(o.Batches) / float64(o.Requests)
	}
	if o.Commits > 0 {
		out[mCommits] = float64(o.Commits) / o.Seconds
	}
	if o.P50 > 0 {
		out[mP50], out[mP99] = o.P50, o.P99
	}
	return out
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// runOnce is a round of the row.
func (s *stand) runOnce() (sample, error) {
	if s.row.run != nil {
		return s.row.run(s)
	}
	if s.row.preload > 0 {
		// Preloaded before the first round; consuming leaves it as it is.
		return s.measure(s.row.load)
	}
	if err := s.createRow(); err != nil {
		return nil, err
	}
	out, err := s.measure(s.row.load)
	if err != nil {
		return nil, err
	}
	return out, s.drop()
}
