package main

import (
	"errors"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// touchBatches is how many batches a partition gets before it counts as used:
// Kafka opens files with the first one and writes to its indexes, which are
// mapped memory, from the second one on.
const touchBatches = 3

// touch produces some batches to every partition, uncounted: what a broker does
// once in a partition's life is not what a batch costs.
func (s *stand) touch() (time.Duration, error) {
	l := s.row.load
	l.Records = touchBatches * l.perBatch() * s.partitions()
	begin := time.Now()
	_, err := s.runChild(s.placed(l))
	took := time.Since(begin)
	return took, errors.Join(err, s.quiet())
}

// runPartitions spreads records over many partitions and consumes them.
func runPartitions(s *stand) (sample, error) {
	var touched time.Duration
	if !s.row.makeOnce {
		if err := s.createRow(); err != nil {
			return nil, err
		}
		var err error
		if touched, err = s.touch(); err != nil {
			return nil, err
		}
	}
	out, err := s.spreadAndRead(s.scaled(s.row.load))
	if err != nil {
		return nil, err
	}
	out[mCreate] = s.created
	if touched > 0 {
		out[mTouch] = touched.Seconds()
	}
	if s.row.makeOnce {
		return out, nil
	}
	return out, s.drop()
}

// spreadAndRead produces to the partitions in turn, going on where the last
// round ended, and consumes just that.
func (s *stand) spreadAndRead(l load) (sample, error) {
	from, err := s.ends()
	if err != nil {
		return nil, err
	}
	l.Place = s.place
	s.place += l.Records / l.perBatch()
	out, err := s.measureAsIs(l)
	if err != nil {
		return nil, err
	}
	// Batches made beforehand may be a few records less than was asked for.
	l.Op, l.From, l.Records = "consume", from, int(out[mAmount])
	read, err := s.measureAsIs(l)
	if err != nil {
		return nil, err
	}
	out[mReadRate], out[mReadRecord], out[mReadPerGB] = read[mRate], read[mPerRecord], read[mPerGB]
	for _, m := range []string{mPeakAnon, mPeakFile, mFiles} {
		out[m] = max(out[m], read[m])
	}
	return out, nil
}

// runEqual measures what a batch costs with many partitions and with one, at
// the same size of batch and of request.
func runEqual(s *stand) (sample, error) {
	if err := s.create(1, 1); err != nil {
		return nil, err
	}
	l := s.row.load
	l.Partitions = 1
	one, err := s.measure(l)
	if err != nil {
		return nil, err
	}
	if err := s.drop(); err != nil {
		return nil, err
	}
	if err := s.createRow(); err != nil {
		return nil, err
	}
	if _, err := s.touch(); err != nil {
		return nil, err
	}
	out, err := s.measure(s.row.load)
	if err != nil {
		return nil, err
	}
	out[mOnePer], out[mOneRecords], out[mOneRate] = one[mPerBatch], one[mRecords], one[mRate]
	return out, s.drop()
}

// runMemory restarts the broker, lets it rest, then loads it.
func runMemory(s *stand) (sample, error) {
	if err := s.broker.Stop(); err != nil {
		return nil, err
	}
	if err := s.broker.Restart(); err != nil {
		return nil, err
	}
	time.Sleep(5 * time.Second)
	rest, err := harness.ReadMemory(s.broker.PID())
	if err != nil {
		return nil, err
	}
	if err := s.createRow(); err != nil {
		return nil, err
	}
	loaded, err := s.measure(s.row.load)
	if err != nil {
		return nil, err
	}
	again := s.row.load
	again.Op = "consume"
	read, err := s.measure(again)
	if err != nil {
		return nil, err
	}
	return sample{
		mAmount: loaded[mAmount], mRecords: loaded[mRecords],
		mRestAnon: mib(rest.Anon), mRestFile: mib(rest.File),
		mPeakAnon: max(loaded[mPeakAnon], read[mPeakAnon]),
		mPeakFile: max(loaded[mPeakFile], read[mPeakFile]),
	}, nil
}

// runStartup times a start after a clean stop and one after kill -9 in the
// midst of a load, each until the first Metadata answer and the latter also
// until the first acknowledged record.
func runStartup(s *stand) (sample, error) {
	if err := s.createRow(); err != nil {
		return nil, err
	}
	if err := s.broker.Stop(); err != nil {
		return nil, err
	}
	if err := s.broker.Restart(); err != nil {
		return nil, err
	}
	clean := s.broker.StartTime()
	l := s.scaled(s.row.load)
	// More than can be produced until the kill.
	l.Records = s.row.load.Records
	c, err := s.startChild(l)
	if err != nil {
		return nil, err
	}
	time.Sleep(max(500*time.Millisecond, time.Duration(2*s.scale*float64(time.Second))))
	if err := s.broker.Kill(); err != nil {
		return nil, err
	}
	c.abandon()
	begin := time.Now()
	if err := s.broker.Restart(); err != nil {
		return nil, err
	}
	l.Records = 1
	if _, err := s.runChild(l); err != nil {
		return nil, err
	}
	return sample{
		mStart: clean.Seconds(), mStartKill: s.broker.StartTime().Seconds(), mAckKill: time.Since(begin).Seconds(),
	}, nil
}
