package main

import (
	"fmt"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// figures are what the goals are judged by: medians over a run's rounds, and
// the most of all rounds for what may never be more.
type figures interface {
	median(row string, target harness.Target, metric string) (float64, bool)
	most(row string, target harness.Target, metric string) (float64, bool)
	// diskOf is the median of what the disk did by itself beside a row.
	diskOf(row string) disk
	// spoiled is rowFailed or rowNotRun for a row whose figures, if it has any, are not
	// to be judged, and else "".
	spoiled(row string) verdict
}

// verdict is how a goal stands.
type verdict string

const (
	met         verdict = "met"
	metByDisk   verdict = "met (90 % of the disk)"
	metBySync   verdict = "met by the sync rule (at least Kafka's rate)"
	notMet      verdict = "**NOT met**"
	notMeasured verdict = "not measured"
	rowFailed   verdict = "**FAILED**"
	rowNotRun   verdict = "**not run**"
)

// diskPart is what a rate with sync has to reach of the disk's own.
const diskPart = 0.9

// figure is Mainstem's, by which the goal is judged: a limit of memory or of
// descriptors has to hold in every round.
func (g goal) figure(f figures) (float64, bool) {
	if g.rule == atMost && isPeak(g.metric) {
		return f.most(g.row, harness.Mainstem, g.metric)
	}
	return f.median(g.row, harness.Mainstem, g.metric)
}

// judge compares medians, but for peaks. A row that failed in any round meets nothing.
func (g goal) judge(f figures) verdict {
	if v := f.spoiled(g.row); v != "" {
		return v
	}
	got, ok := g.figure(f)
	if !ok {
		return notMeasured
	}
	kafka, hasKafka := f.median(g.row, harness.Kafka, g.metric)
	own, hasOwn := g.ownBar(f)
	if (g.againstKafka() && !hasKafka) || (g.rule == ownAtMost && !hasOwn) {
		return notMeasured
	}
	var reached bool
	switch g.rule {
	case syncTimesAtLeast:
		return g.judgeSync(f, got, kafka)
	case timesAtLeast:
		reached = got >= g.by*kafka
	case timesAtMost:
		reached = got <= g.by*kafka
	case plusAtMost:
		reached = got <= kafka+g.by
	case atMost:
		reached = got <= g.by
	case atLeast:
		reached = got >= g.by
	case diskPlusAtMost:
		reached = got <= f.diskOf(g.row).P99+g.by
	case timesOrOwn:
		reached = (hasKafka && got >= g.by*kafka) || (hasOwn && got >= diskPart*own)
	case ownAtMost:
		reached = got <= g.by*own
	}
	if reached {
		return met
	}
	return notMet
}

// judgeSync gives the strongest reason that holds.
func (g goal) judgeSync(f figures, got, kafka float64) verdict {
	bytes, ok := f.median(g.row, harness.Mainstem, mBytes)
	switch own := f.diskOf(g.row).MBPerSecond; {
	case got >= g.by*kafka:
		return met
	case ok && own > 0 && bytes >= diskPart*own:
		return metByDisk
	case got >= kafka:
		return metBySync
	}
	return notMet
}

// ownBar is Mainstem's figure in the row that is the bar, if that did not fail.
func (g goal) ownBar(f figures) (float64, bool) {
	if g.own == "" || f.spoiled(g.own) != "" {
		return 0, false
	}
	return f.median(g.own, harness.Mainstem, g.ownMetric)
}

func (g goal) againstKafka() bool {
	switch g.rule {
	case timesAtLeast, syncTimesAtLeast, timesAtMost, plusAtMost:
		return true
	case atMost, atLeast, diskPlusAtMost, timesOrOwn, ownAtMost:
	}
	return false
}

// words say the goal as a reader of the table has it.
func (g goal) words() string {
	switch g.rule {
	case timesAtLeast:
		return fmt.Sprintf("at least %.3g x Kafka", g.by)
	case syncTimesAtLeast:
		return fmt.Sprintf("at least %.3g x Kafka (sync rule: Kafka's rate or 90 %% of the disk)", g.by)
	case timesAtMost:
		return fmt.Sprintf("at most %.2g x Kafka", g.by)
	case plusAtMost:
		return fmt.Sprintf("at most Kafka + %g", g.by)
	case atMost:
		return fmt.Sprintf("at most %g", g.by)
	case atLeast:
		return fmt.Sprintf("at least %g", g.by)
	case diskPlusAtMost:
		return fmt.Sprintf("at most the disk's fdatasync p99 + %g", g.by)
	case timesOrOwn:
		return fmt.Sprintf("at least %g x Kafka, or 90 %% of our own %s", g.by, g.own)
	case ownAtMost:
		return fmt.Sprintf("at most %g x one partition's", g.by)
	}
	return "?"
}

// bar is the figure that had to be reached, for the table.
func (g goal) bar(f figures) (float64, bool) {
	kafka, hasKafka := f.median(g.row, harness.Kafka, g.metric)
	own, hasOwn := g.ownBar(f)
	switch g.rule {
	case timesAtLeast, syncTimesAtLeast, timesAtMost:
		return g.by * kafka, hasKafka
	case plusAtMost:
		return g.by + kafka, hasKafka
	case atMost, atLeast:
		return g.by, true
	case diskPlusAtMost:
		return f.diskOf(g.row).P99 + g.by, true
	case timesOrOwn:
		switch {
		case hasKafka && hasOwn:
			return min(g.by*kafka, diskPart*own), true
		case hasKafka:
			return g.by * kafka, true
		}
		return diskPart * own, hasOwn
	case ownAtMost:
		return g.by * own, hasOwn
	}
	return 0, false
}
