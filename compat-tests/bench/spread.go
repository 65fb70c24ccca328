package main

import (
	"maps"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// sides is how often the two sides of a comparison within one broker follow
// each other in a round: what drifts meets both. After each part the broker
// comes to rest, so they are few and long.
const sides = 2

// compare runs two loads in turn, each in so many equal parts, and returns what
// each cost. Who begins alternates. What a part makes the broker put off, such
// as the checkpoint of the partitions it wrote to, is part of its cost: it
// would else be paid by whichever part is under way when it is due.
func (s *stand) compare(one, other load) (sample, sample, error) {
	if err := s.toRest(); err != nil {
		return nil, nil, err
	}
	atRest, err := s.usage(putOff)
	if err != nil {
		return nil, nil, err
	}
	s.say("%s: %s uses %.2f %% of a core at rest", s.row.name, s.target, 100*atRest)
	loads := []load{one, other}
	var got [2][]sample
	for i := range sides {
		for j := range loads {
			which := (i + j) % len(loads)
			l := loads[which]
			l.Records /= sides
			l.Place += i * l.Records / l.perBatch()
			out, err := s.measureToRest(l, atRest)
			if err != nil {
				return nil, nil, err
			}
			got[which] = append(got[which], out)
		}
	}
	return mean(got[0]), mean(got[1]), nil
}

// mean takes the mean of every metric, but the most of what is a peak and the
// sum of amounts.
func mean(list []sample) sample {
	out := sample{}
	for _, one := range list {
		for metric, v := range one {
			switch {
			case isPeak(metric):
				out[metric] = max(out[metric], v)
			case metric == mAmount:
				out[metric] += v
			default:
				out[metric] += v / float64(len(list))
			}
		}
	}
	return out
}

// withOne adds what one partition's batches cost, and the ratio.
func withOne(out, one sample) sample {
	out[mOnePer], out[mOneRecords], out[mOneRate] = one[mPerBatch], one[mRecords], one[mRate]
	out[mToOne] = out[mPerBatch] / one[mPerBatch]
	return out
}

// runSpread compares what a batch costs in many partitions and in one. Both
// sides have the same client, which costs nearly nothing, the same batches and
// as many requests in flight; so as many batches share a sync.
func runSpread(s *stand) (sample, error) {
	many := s.scaled(s.row.load)
	many.Place = s.place
	s.place += many.Records / many.perBatch()
	out, err := s.againstOne(many)
	if err != nil {
		return nil, err
	}
	out[mCreate] = s.created
	// The topics were made and first written to before the rounds.
	out[mPeakAnon] = max(out[mPeakAnon], mib(s.prepared.Anon))
	out[mFiles] = max(out[mFiles], float64(s.prepared.Descriptors))
	return out, nil
}

// againstOne measures a load on many partitions beside the same on one.
func (s *stand) againstOne(many load) (sample, error) {
	name, _, err := s.make(1, 1, s.row.configs[s.target])
	if err != nil {
		return nil, err
	}
	one := many
	one.Topics, one.Partitions, one.Place = name, 1, 0
	alone, spread, err := s.compare(one, many)
	if err != nil {
		return nil, err
	}
	return withOne(spread, alone), s.delete(name)
}

// runSpreadLife takes many partitions through their life: made, produced to,
// consumed, through a clean and an unclean restart, deleted. Its peaks are those
// of all that, starts and deletion too.
func runSpreadLife(s *stand) (sample, error) {
	w := s.watch()
	out, err := s.spreadLife()
	peak := w.stop()
	if err != nil {
		return nil, err
	}
	out[mPeakAnon], out[mPeakFile], out[mFiles] = mib(peak.Anon), mib(peak.File), float64(peak.Descriptors)
	return out, nil
}

func (s *stand) spreadLife() (sample, error) {
	out, err := s.spreadBegun()
	if err != nil {
		return nil, err
	}
	restarted, err := s.restarts(s.placed(s.row.load))
	if err != nil {
		return nil, err
	}
	gone, err := s.deleteAll()
	if err != nil {
		return nil, err
	}
	maps.Copy(out, restarted)
	maps.Copy(out, gone)
	return out, nil
}

// spreadBegun makes the partitions, produces to all and consumes all.
func (s *stand) spreadBegun() (sample, error) {
	empty, err := s.memoryAtRest()
	if err != nil {
		return nil, err
	}
	if err := s.createRow(); err != nil {
		return nil, err
	}
	rest, err := s.memoryAtRest()
	if err != nil {
		return nil, err
	}
	l := s.scaled(s.row.load)
	touch := l
	touch.Records = l.perBatch() * s.partitions()
	begin := time.Now()
	if _, err := s.runChild(touch); err != nil {
		return nil, err
	}
	touched := time.Since(begin).Seconds()
	out, err := s.againstOne(l)
	if err != nil {
		return nil, err
	}
	read := s.placed(l)
	read.Op, read.Records = "consume", touch.Records/l.perBatch()*l.perBatch()+int(out[mAmount])
	consumed, err := s.measureAsIs(read)
	if err != nil {
		return nil, err
	}
	out[mCreate], out[mTouch], out[mRestAnon] = s.created, touched, mib(rest.Anon)
	out[mIdleEach] = float64(rest.Anon-empty.Anon) / float64(s.partitions())
	out[mReadRate], out[mReadRecord], out[mReadPerGB] = consumed[mRate], consumed[mPerRecord], consumed[mPerGB]
	return out, nil
}

// memoryAtRest is what the broker has when nothing is to be done any more.
func (s *stand) memoryAtRest() (harness.Memory, error) {
	if err := s.toRest(); err != nil {
		return harness.Memory{}, err
	}
	return harness.ReadMemory(s.broker.PID())
}
