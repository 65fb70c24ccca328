package telemetry

import (
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
)

// All metrics are a star in a subscription. On the wire they are the empty prefix, as
// the protocol has it: Kafka sends the star there too, which Java and librdkafka take for
// it, and franz-go for a prefix that no name has.
const (
	allMetrics = "*"
	allNames   = ""
)

// plan is what one client is asked for.
type plan struct {
	id       int32 // names it to the client
	metrics  []string
	interval time.Duration
}

// planFor puts together what the subscriptions that a client matches ask for.
func planFor(subscriptions []cluster.ClientMetrics, who *Client, id ID) plan {
	var p plan
	for i := range subscriptions {
		s := &subscriptions[i]
		if !matches(s, who, id) {
			continue
		}
		p.metrics = append(p.metrics, s.Metrics...)
		if p.interval == 0 || s.Interval < p.interval {
			p.interval = s.Interval
		}
	}
	if p.interval == 0 {
		p.interval = cluster.PushIntervalDefault // when to ask again
	}
	slices.Sort(p.metrics)
	if p.metrics = slices.Compact(p.metrics); slices.Contains(p.metrics, allMetrics) {
		p.metrics = []string{allNames}
	}
	p.id = p.number(id)
	return p
}

func matches(s *cluster.ClientMetrics, who *Client, id ID) bool {
	for attribute, pattern := range s.Match {
		if !pattern.Matches(who.attribute(id, attribute)) {
			return false
		}
	}
	return true
}

// number is the same for the same plan of the same client, after a restart too, so
// that a client can go on with what it was told before.
func (p *plan) number(id ID) int32 {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	_, _ = sum.Write(id[:]) // never fails
	_, _ = sum.Write([]byte(strings.Join(p.metrics, ",") + "\x00" + p.interval.String()))
	return int32(sum.Sum32())
}

// wants reports whether a metric was asked for.
func (p *plan) wants(name string) bool {
	return slices.ContainsFunc(p.metrics, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
