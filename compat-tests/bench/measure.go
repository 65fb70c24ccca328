package main

import (
	"syscall"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// measure runs a load, scaled, and takes the broker's costs meanwhile.
func (s *stand) measure(l load) (sample, error) { return s.measureAsIs(s.scaled(l)) }

// measureAsIs runs a load whose place and amount are given.
func (s *stand) measureAsIs(l load) (sample, error) {
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
	o, err := s.runChild(l)
	peak := sampler.Stop()
	if err != nil {
		return nil, err
	}
	after, err := harness.ReadCPU(pid)
	if err != nil {
		return nil, err
	}
	return costs(o, (after.Total() - before.Total()).Seconds(), peak), nil
}

// costs turns what the client and the kernel saw into metrics.
func costs(o outcome, cpu float64, peak harness.Peak) sample {
	out := sample{
		mAmount:    float64(o.Records),
		mRate:      float64(o.Records) / o.Seconds,
		mBytes:     float64(o.Bytes) / 1e6 / o.Seconds,
		mPerGB:     cpu / (float64(o.Bytes) / 1e9),
		mPerRecord: cpu * 1e6 / float64(o.Records),
		mPeakAnon:  mib(peak.Anon),
		mPeakFile:  mib(peak.File),
		mFiles:     float64(peak.Descriptors),
	}
	if o.Batches > 0 {
		out[mRecords] = float64(o.Records) / float64(o.Batches)
		out[mPerBatch] = cpu * 1e6 / float64(o.Batches)
	}
	if o.Requests > 0 {
		out[mBatches] = float64(o.Batches) / float64(o.Requests)
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
