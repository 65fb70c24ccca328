package main

import (
	"fmt"
	"math"
	"slices"
)

// sample is one round's numbers by metric.
type sample map[string]float64

// spread is what several rounds gave for one metric.
type spread struct {
	median, least, most float64
	n                   int
}

// spreadOf returns false if no sample has the metric.
func spreadOf(samples []sample, metric string) (spread, bool) {
	var vs []float64
	for _, s := range samples {
		if v, has := s[metric]; has {
			vs = append(vs, v)
		}
	}
	if len(vs) == 0 {
		return spread{}, false
	}
	slices.Sort(vs)
	mid := len(vs) / 2
	median := vs[mid]
	if len(vs)%2 == 0 {
		median = (vs[mid-1] + vs[mid]) / 2
	}
	return spread{median: median, least: vs[0], most: vs[len(vs)-1], n: len(vs)}, true
}

// quantile sorts vs and takes the nearest rank.
func quantile(vs []float64, q float64) float64 {
	slices.Sort(vs)
	rank := int(math.Ceil(q*float64(len(vs)))) - 1
	return vs[min(max(rank, 0), len(vs)-1)]
}

// near tells whether two figures differ by less than a part of the larger.
func near(a, b, part float64) bool {
	return math.Abs(a-b) < part*max(math.Abs(a), math.Abs(b))
}

// number prints three or so digits that matter.
func number(v float64) string {
	switch {
	case v >= 1000:
		s := fmt.Sprintf("%.0f", v)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.1 || v == 0:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}
