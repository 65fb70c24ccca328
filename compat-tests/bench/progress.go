package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// clock estimates what is left of a run by what its rows were thought to cost.
type clock struct {
	begun time.Time
	out   io.Writer
	done  float64 // Thought cost of what is done, in seconds.
	left  float64 // And of what is not.
	must  float64 // Of the rows to come, with one round each.
}

// warmCost is the thought cost of a row's preparation.
const warmCost = 40

// add counts a row that is to be measured.
func (c *clock) add(r row, rounds int) {
	c.left += warmCost + r.cost*float64(rounds)
	c.must += warmCost + r.cost
}

// turnTo takes a row from those to come.
func (c *clock) turnTo(r row) { c.must = max(0, c.must-warmCost-r.cost) }

// spend moves a part of the cost to what is done.
func (c *clock) spend(seconds float64) {
	c.done += seconds
	c.left = max(0, c.left-seconds)
}

// estimate is how long the rest will take at the pace so far. At the start
// nothing is known of the pace.
func (c *clock) estimate(elapsed time.Duration) time.Duration {
	return c.scaled(c.left, elapsed)
}

// least is how long the rows to come take with one round each.
func (c *clock) least(elapsed time.Duration) time.Duration {
	return c.scaled(c.must, elapsed)
}

func (c *clock) scaled(seconds float64, elapsed time.Duration) time.Duration {
	pace := 1.0
	if c.done >= 60 {
		pace = elapsed.Seconds() / c.done
	}
	return time.Duration(seconds * pace * float64(time.Second))
}

// say prints a line with the time of day, the time since the start and an
// estimate of what is left.
func (c *clock) say(format string, args ...any) {
	elapsed := time.Since(c.begun)
	fmt.Fprintf(c.out, "%s [%s, about %s left] %s\n", time.Now().Format("15:04:05"),
		minutes(elapsed), minutes(c.estimate(elapsed)), fmt.Sprintf(format, args...))
}

func minutes(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// brief is a sample in one line.
func brief(s sample) string {
	var parts []string
	for _, metric := range metricOrder() {
		if v, ok := s[metric]; ok && metric != mBytes && metric != mPeakFile {
			parts = append(parts, metric+" "+number(v))
		}
	}
	return strings.Join(parts, ", ")
}
