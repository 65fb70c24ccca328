package main

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/log"
)

// damageNote is what /readyz says of damage. The broker is ready all the same:
// all that is not damaged is served.
func damageNote(d log.DamageStats) string {
	if d.Ranges == 0 && d.Refused == 0 {
		return ""
	}
	note := fmt.Sprintf("%s of the log, %d bytes, the first at [%d, %d): reads of them answer CORRUPT_MESSAGE, the rest is served",
		words.Counted(d.Ranges, "damaged range", "damaged ranges"), d.Bytes, d.First.From, d.First.To)
	if d.Refused > 0 {
		note += fmt.Sprintf("; %s produce, because of damage in which the last records may have been",
			words.Counted(d.Refused, "partition refuses", "partitions refuse"))
	}
	return note + "; stop the broker and run `mainstem log check`"
}

// scrubNote is what /readyz says where no damage is known: how much that means.
func scrubNote(s log.ScrubStats) string {
	switch {
	case s.BytesPerSec == 0:
		return "none is known, and the scrub is off: old data is not looked at"
	case s.Passes == 0:
		return "none is known, but not all of the log was looked at since the start"
	}
	return "all of the log was looked at, the last time at " + s.LastEnd.UTC().Format(time.RFC3339)
}

// sendDamage shows damage and the scrub to prometheus.
func (c logCollector) sendDamage(send func(kind prometheus.ValueType, name, help string, v float64), st log.Stats) {
	d, s := c.log.Damage(), c.log.Scrubbed()
	send(prometheus.GaugeValue, "damaged_ranges", "Ranges of the log that are known to be damaged; reads of them fail.", float64(d.Ranges))
	send(prometheus.GaugeValue, "damaged_bytes", "Bytes in the damaged ranges.", float64(d.Bytes))
	send(prometheus.GaugeValue, "refusing_partitions", "Partitions that refuse produce because of damage whose owners are unknown.", float64(d.Refused))
	send(prometheus.CounterValue, "scrub_bytes_total", "Bytes of the log that were read to find damage, since the start.", float64(s.Bytes))
	send(prometheus.CounterValue, "scrub_passes_total", "How often all of the log was read to find damage, since the start.", float64(s.Passes))
	send(prometheus.GaugeValue, "scrub_position", "Where in the log the scrub is.", float64(s.At))
	send(prometheus.GaugeValue, "scrub_last_pass_seconds", "What the last whole pass of the scrub took; 0 before the first.", s.LastPass.Seconds())
	expected := 0.0
	if s.BytesPerSec > 0 {
		expected = float64(st.Written-st.Oldest) / float64(s.BytesPerSec)
	}
	send(prometheus.GaugeValue, "scrub_pass_expected_seconds", "What a pass of the scrub takes at its rate; 0 if it is off.", expected)
}
