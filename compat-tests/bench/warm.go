package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// baseName stands for a row in the report of the first warm-up.
const baseName = "after the start"

const (
	// warmRecords is how much a JVM needs to have compiled its hot paths.
	warmRecords = 3_000_000
	// smokeScale is below what figures are made of: there the JVM may stay cold.
	smokeScale = 0.1
	// warmMost bounds a row's warm-up, without the first piece.
	warmMost = 60 * time.Second
	// warmPiece is how long a piece shall take.
	warmPiece = 5 * time.Second
	// warmNear is how little two pieces differ when the broker is warm.
	warmNear = 0.15
)

// piece is a part of a warm-up. It does not count.
type piece struct {
	records int
	rate    float64 // Records a second.
	cpu     float64 // Microseconds of the broker's CPU a record.
}

// warmth tells how warm a broker became before a row's first round.
type warmth struct {
	row    string
	target harness.Target
	pieces []piece
	steady bool
	took   time.Duration
}

// brief is the CPU per record of each piece, and how it ended.
func (w warmth) brief() string {
	var cpu []string
	for _, p := range w.pieces {
		cpu = append(cpu, number(p.cpu))
	}
	return fmt.Sprintf("%s us CPU/rec in %.0f s, steady: %v", strings.Join(cpu, ", "), w.took.Seconds(), w.steady)
}

// base produces and consumes enough for the JVM's compiler, on both targets
// alike, once after a broker's start.
func (s *stand) base() (warmth, error) {
	begin := time.Now()
	s.begin(row{name: "base", load: producing(warmRecords, 200, 64*kib, 1)})
	w := warmth{row: baseName, target: s.target}
	if err := s.createRow(); err != nil {
		return w, err
	}
	for _, op := range []string{"produce", "consume"} {
		l := s.scaled(s.row.load)
		if s.scale >= smokeScale {
			l.Records = warmRecords
		}
		l.Op = op
		out, err := s.measureAsIs(l)
		if err != nil {
			return w, fmt.Errorf("warm up: %w", err)
		}
		w.pieces = append(w.pieces, pieceOf(out))
	}
	w.took = time.Since(begin)
	return w, s.drop()
}

func pieceOf(out sample) piece {
	return piece{records: int(out[mAmount]), rate: out[mRate], cpu: out[mPerRecord]}
}

// prepare makes what the row's rounds share and runs the row's own load,
// uncounted, until two pieces cost about the same or the time is up.
func (s *stand) prepare() (warmth, error) {
	w := warmth{row: s.row.name, target: s.target}
	if s.row.alone != "" {
		// Compared with itself in the same round: nothing of a JVM in it.
		return w, nil
	}
	sampler := harness.Sample(s.broker.PID(), watchEvery)
	defer func() { s.prepared = sampler.Stop() }()
	if err := s.createRow(); err != nil {
		return w, err
	}
	if s.row.preload > 0 {
		fill := s.row.load
		fill.Op, fill.Records = "produce", s.row.preload
		if _, err := s.runChild(s.scaled(fill)); err != nil {
			return w, err
		}
	}
	if err := s.warm(&w); err != nil {
		return w, err
	}
	s.resize(w)
	if s.row.preload > 0 || s.row.makeOnce {
		return w, nil
	}
	return w, s.drop()
}

func (s *stand) warm(w *warmth) error {
	begin := time.Now()
	defer func() { w.took = time.Since(begin) }()
	most := max(time.Duration(float64(warmMost)*min(s.scale, 1)), warmPiece)
	records := s.firstPiece()
	var first time.Duration
	for {
		out, err := s.piece(records)
		if err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
		w.pieces = append(w.pieces, pieceOf(out))
		if first == 0 {
			// Many partitions are touched for the first time in it.
			first = time.Since(begin)
		}
		if n := len(w.pieces); n >= 2 && near(w.pieces[n-1].cpu, w.pieces[n-2].cpu, warmNear) {
			w.steady = true
			return nil
		}
		if time.Since(begin)-first > most {
			return nil
		}
		want := w.pieces[len(w.pieces)-1].rate * warmPiece.Seconds() * min(s.scale, 1)
		records = max(min(int(want), s.row.load.Records), s.leastAmount())
	}
}

// leastAmount is below what a figure means something: half of the partitions
// get a batch.
func (s *stand) leastAmount() int {
	return max(1000, int(float64(s.row.load.perBatch()*s.partitions())*min(s.scale, 1)/2))
}

// firstPiece is large enough to reach every partition.
func (s *stand) firstPiece() int {
	n := int(float64(s.row.load.Records) * s.scale / 4)
	if all := s.partitions(); all > 1 {
		n = touchBatches * s.row.load.perBatch() * all
	}
	return max(n, 1000)
}

// piece runs about so much of the row's load.
func (s *stand) piece(records int) (sample, error) {
	l := s.row.load
	l.Records = records
	switch {
	case l.Op == "e2e":
		from, err := s.ends()
		if err != nil {
			return nil, err
		}
		l.From, l.Seconds = from, max(2, int(warmPiece.Seconds()*min(s.scale, 1)))
		return s.measureAsIs(s.placed(l))
	case l.Op == "consume":
		// All of it: part of what is fetched would not be counted.
		return s.measure(s.row.load)
	case l.Group.Members > 0:
		return s.measureAsIs(s.placed(l))
	case s.partitions() > 1:
		out, err := s.spreadAndRead(s.placed(l))
		if err != nil {
			return nil, err
		}
		out[mPerRecord] += out[mReadRecord]
		return out, nil
	default:
		return s.measureAsIs(s.placed(l))
	}
}

// resize cuts a round to the row's time at the rate of the last piece.
func (s *stand) resize(w warmth) {
	if s.row.seconds == 0 || len(w.pieces) == 0 {
		return
	}
	scale := min(s.scale, 1)
	rate := w.pieces[len(w.pieces)-1].rate
	per := s.row.load.perBatch()
	n := min(rate*s.row.seconds*scale, float64(s.row.load.Records)*scale)
	s.amount = max(int(n), s.leastAmount()) / per * per
}
