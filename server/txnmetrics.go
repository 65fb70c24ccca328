package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/replication"
)

// txnCollector shows the counts of the transaction coordinator, and how far open
// transactions hold partitions back. It waits for no shard, but shortly to know what
// hangs, and looks at no partition in which nothing is open.
type txnCollector struct {
	s       *Server
	hanging *hangingCount // nil: nobody is asked
}

// TransactionCollector is for the registry of metrics.
func (s *Server) TransactionCollector() prometheus.Collector {
	return txnCollector{s, &hangingCount{s: s}}
}

// Describe implements prometheus.Collector: what it sends is in Collect. It comes with
// the start of the broker, which must not wait for the coordinator.
func (c txnCollector) Describe(ch chan<- *prometheus.Desc) {
	c.hanging = nil
	prometheus.DescribeByCollect(c, ch)
}

// Collect implements prometheus.Collector.
func (c txnCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, name, help string, v float64, labels ...string) {
		var names, values []string
		for i := 0; i+1 < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("mainstem_transaction"+name, help, names, nil), kind, v, values...)
	}
	m := c.s.txns.Metrics()
	for state, n := range m.IDs {
		send(prometheus.GaugeValue, "s", "Transactional ids by the state of their transaction.", float64(n), "state", state.String())
	}
	for result, n := range m.Ended {
		send(prometheus.CounterValue, "s_ended_total", "Transactions that ended since the start.", float64(n), "result", result.String())
	}
	for code, n := range m.Verified {
		send(prometheus.CounterValue, "_verifications_total", "Partitions of which producers had to know whether they are part of a transaction.", float64(n), "result", code.String())
	}
	send(prometheus.CounterValue, "_producers_fenced_total", "Producers that lost their transactional id to a newer one, with a transaction open or without.", float64(m.Fenced))
	oldest := 0.0
	if !m.Oldest.IsZero() {
		oldest = max(c.s.clock.Now().Sub(m.Oldest).Seconds(), 0)
	}
	send(prometheus.GaugeValue, "_oldest_seconds", "Age of the oldest open transaction; 0: none is open.", oldest)
	send(prometheus.CounterValue, "_marker_retries_total", "Markers that were tried again.", float64(m.Retried))
	send(prometheus.GaugeValue, "_shards_loaded", "Shards of the transaction coordinator that serve.", float64(m.ShardsLoaded))
	commits, aborts := c.s.markers.Written()
	send(prometheus.CounterValue, "_markers_total", "Markers written, one for each partition of a transaction.", float64(commits), "kind", "commit")
	send(prometheus.CounterValue, "_markers_total", "Markers written, one for each partition of a transaction.", float64(aborts), "kind", "abort")
	c.partitions(send)
}

// partitions shows how far transactions hold partitions back.
func (c txnCollector) partitions(send func(kind prometheus.ValueType, name, help string, v float64, labels ...string)) {
	held, records, seconds, now := 0, int64(0), 0.0, c.s.clock.Now()
	c.s.partitions.EachOpenTxn(func(p *replication.Partition, open []replication.OpenTxn) {
		held++
		at := p.Offsets()
		if cluster.IsInternalTopic(p.Topic().Name) {
			at.HighWatermark = at.LastStable // nobody reads committed data there
		}
		records = max(records, int64(at.HighWatermark-at.LastStable))
		if since := open[0].Since; !since.IsZero() {
			seconds = max(seconds, now.Sub(since).Seconds())
		}
	})
	send(prometheus.GaugeValue, "_open_partitions", "Partitions in which a transaction is open.", float64(held))
	send(prometheus.GaugeValue, "_lso_lag_records", "Records that an open transaction keeps from who reads committed data, in the partition where they are most; internal topics are left out.", float64(records))
	send(prometheus.GaugeValue, "_lso_lag_seconds", "Since when a transaction has been open in a partition, the longest of all; 0: none is open, or it is not known.", seconds)
	n, known := 0, true
	if c.hanging != nil {
		n, known = c.hanging.count(held > 0)
	}
	if known {
		send(prometheus.GaugeValue, "_hanging_partitions", "Partitions in which a transaction is open that the coordinator does not know, so that nobody will end it.", float64(n))
	}
}
