package observe

import (
	"fmt"
	"sync"
	"time"
)

// stands is where the last stable offset of each partition is, and for how long it
// has been there while the broker was up and there was more behind it.
type stands struct {
	patience time.Duration
	mu       struct {
		sync.Mutex
		away    bool // The broker is being killed, or started again.
		parts   []stand
		longest time.Duration
	}
}

type stand struct {
	stable int64
	stood  time.Duration
	seen   time.Time // Zero: not in this life of the broker.
}

func newStands(partitions int, patience time.Duration) *stands {
	s := &stands{patience: patience}
	s.mu.parts = make([]stand, partitions)
	return s
}

// away notes that the broker is about to be killed, or that it is back. What a
// partition stood still so far counts, the time until it is seen again does not.
func (s *stands) away(yes bool) {
	s.mu.Lock()
	s.mu.away = yes
	s.mu.Unlock()
	s.missed()
}

// missed notes that there was no answer.
func (s *stands) missed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.mu.parts {
		s.mu.parts[p].seen = time.Time{}
	}
}

// saw notes where a partition stands.
func (s *stands) saw(now time.Time, partition int32, stable, end int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.away {
		return nil // It may be of before the kill, or of after the start.
	}
	p := &s.mu.parts[partition]
	defer func() { p.seen = now }()
	switch {
	case stable > end:
		return fmt.Errorf("partition %d: the last stable offset is %d, and its end %d", partition, stable, end)
	case stable < p.stable:
		// Nor may it over a kill, which takes nothing that was written: what is open
		// afterwards was so before. (A power cut may take what is not synced.)
		return fmt.Errorf("partition %d: the last stable offset went from %d back to %d", partition, p.stable, stable)
	case stable == end || stable != p.stable:
		p.stable, p.stood = stable, 0
		return nil
	}
	if !p.seen.IsZero() {
		p.stood += now.Sub(p.seen)
	}
	s.mu.longest = max(s.mu.longest, p.stood)
	if p.stood > s.patience {
		return fmt.Errorf("partition %d: the last stable offset has been %d for %v, its end is %d", partition, stable, p.stood.Round(time.Millisecond), end)
	}
	return nil
}

// longest is how long one stood still at most.
func (s *stands) longest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.longest
}
