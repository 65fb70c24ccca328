package main

import (
	"context"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/server"
)

// openServer opens the listeners: from here on clients are served.
func (b *broker) openServer() error {
	r, img := b.cfg.Resolver, b.meta.Image()
	cfg := server.DefaultConfig()
	cfg.NodeID, cfg.DataDir, cfg.Listeners = b.cfg.NodeID, b.cfg.DataDir, nil
	for _, l := range b.cfg.Listeners {
		cfg.Listeners = append(cfg.Listeners, server.Listener{
			Name: l.Name, Bind: l.Address(), AdvertisedHost: l.AdvertisedHost, AdvertisedPort: int32(l.AdvertisedPort),
		})
	}
	cfg.RequestBytesMax = int(r.Int(img, "socket.request.max.bytes"))
	cfg.RequestBudget = r.Int(img, "queued.max.request.bytes")
	if cfg.RequestBudget <= 0 {
		cfg.RequestBudget = math.MaxInt64
	}
	cfg.FetchSessionsMax = int(r.Int(img, "max.incremental.fetch.session.cache.slots"))
	b.pool = span.NewPool(cfg.RequestBudget)
	b.pool.OnPressure(b.commitLog.ShedMemory)
	s, err := server.New(cfg, server.Deps{
		Clock: b.clock, Log: b.log, Metadata: b.meta, Partitions: b.partitions, Groups: b.groups, Configs: b.cfg.Resolver,
		ProducerIDs: b.producers, Transactions: b.txns, Markers: b.markers,
		Space: func() (free, total int64, err error) { return b.fs.Space(b.cfg.DataDir) }, Pool: b.pool,
		Refusal: b.produceRefusal,
	})
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	if err := s.Start(); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	b.server = s
	b.opened("server", s.Close)
	return nil
}

// openHealth serves metrics and health, if an address is configured.
func (b *broker) openHealth(ctx context.Context) error {
	if b.cfg.HTTP == "" {
		return nil
	}
	reg := server.NewRegistry()
	reg.MustRegister(b.server.Collector(), b.server.GroupCollector(), b.server.TransactionCollector(), b.server.TelemetryCollector(), logCollector{b.commitLog}, diskCollector{b.disk, &b.share},
		compactionCollector{b.clock, b.compaction}, buildInfo().metric())
	h, err := server.ServeHealth(ctx, b.cfg.HTTP, b.log, reg, []server.Check{
		{Name: "listeners", Run: func() error { return nil }},
		{Name: "disk room", Run: func() error { return nil }, Detail: b.diskRoom},
		{Name: "disk syncs", Run: b.diskAnswers},
		{Name: "damage", Run: func() error { return nil }, Detail: func() (string, bool) {
			if note := damageNote(b.commitLog.Damage()); note != "" {
				return note, true
			}
			return scrubNote(b.commitLog.Scrubbed()), false
		}},
	})
	if err != nil {
		return err //nolint:wrapcheck // It names what it is.
	}
	h.Mount("/api/v1/", b.server.API())
	h.Tell("/api/v1/groups", "consumer groups and their lag, for this machine only")
	h.Tell("/api/v1/transactions", "transactional ids and their transactions, for this machine only")
	b.health = h
	b.opened("http", h.Close)
	return nil
}

// greet says what runs, where its data is, and what to type next.
func (b *broker) greet(took time.Duration) {
	host, port, err := net.SplitHostPort(b.server.Addresses()[0])
	if err != nil {
		b.log.Warn("address", zap.Error(err))
		return
	}
	l := b.cfg.Listeners[0]
	if l.AdvertisedHost != "" {
		host = l.AdvertisedHost
	}
	if l.AdvertisedPort != 0 {
		port = strconv.Itoa(l.AdvertisedPort)
	}
	at := net.JoinHostPort(host, port)
	b.log.Info("ready", zap.String("took", took.Round(time.Millisecond).String()), zap.String("kafka", at), zap.String("http", b.cfg.HTTP),
		zap.String("data", b.cfg.DataDir), zap.String("cluster_id", b.meta.Image().ClusterID), zap.Int32("node_id", int32(b.cfg.NodeID)))
	health := "no metrics and health"
	if b.cfg.HTTP != "" {
		health = "metrics and health on http://" + b.cfg.HTTP
	}
	if _, err := fmt.Fprintf(b.out, greeting, at, b.cfg.DataDir, health, b.name, at, b.name, at, at, at); err != nil {
		b.log.Debug("greeting", zap.Error(err))
	}
}

// greeting is for the person who started the broker; the log has the same as
// one line for machines.
const greeting = `
Mainstem serves Kafka clients on %s
  data in %s, %s
  produce a line    echo hello | %s produce greetings --create -b %s
  consume it        %s consume greetings -b %s
  with Kafka's own  kafka-console-producer.sh --bootstrap-server %s --topic greetings
                    kafka-console-consumer.sh --bootstrap-server %s --topic greetings --from-beginning
  stop it           ctrl-C

`

// logCollector shows the log's figures to prometheus.
type logCollector struct {
	log *log.Log
}

// Describe implements prometheus.Collector: what it sends is in Collect.
func (c logCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c logCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.log.Stats()
	send := func(kind prometheus.ValueType, name, help string, v float64) {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("mainstem_log_"+name, help, nil, nil), kind, v)
	}
	send(prometheus.CounterValue, "written_bytes_total", "End of the log: bytes ever written.", float64(st.Written))
	send(prometheus.CounterValue, "appended_bytes_total", "Bytes of batches appended since the start.", float64(st.AppendedBytes))
	send(prometheus.CounterValue, "groups_total", "Group commits since the start.", float64(st.Groups))
	send(prometheus.CounterValue, "syncs_total", "Calls of fdatasync since the start.", float64(st.Syncs))
	send(prometheus.CounterValue, "sync_seconds_total", "Time spent in fdatasync.", st.SyncSeconds)
	send(prometheus.CounterValue, "cold_reads_total", "Reads that had to ask the disk.", float64(st.ColdReads))
	send(prometheus.CounterValue, "cold_read_bytes_total", "Bytes that had to be read from the disk.", float64(st.ColdReadBytes))
	send(prometheus.GaugeValue, "cold_reads_waiting", "Reads of the disk that wait for their turn.", float64(st.ColdWaiting))
	send(prometheus.GaugeValue, "unsynced_bytes", "Bytes written but not synced yet.", float64(st.Written)-float64(st.Synced))
	send(prometheus.GaugeValue, "segments", "Segment files.", float64(st.Segments))
	send(prometheus.GaugeValue, "segment_bytes", "Size of the main log's segment files; the cold log's come on top (cold_log_bytes).", float64(st.SegmentBytes))
	send(prometheus.GaugeValue, "live_bytes", "Bytes of batches that can be read, in the main and in the cold log, as last counted.", float64(st.LiveBytes))
	send(prometheus.GaugeValue, "partitions", "Partitions that the log holds.", float64(st.Partitions))
	send(prometheus.GaugeValue, "queued_appends", "Appends that wait for the writer.", float64(st.QueuedAppends))
	send(prometheus.CounterValue, "relocated_bytes_total", "Bytes of batches that were moved from old segments to the cold log.", float64(st.RelocatedBytes))
	send(prometheus.CounterValue, "relocated_segments_total", "Old segments that were emptied by moving what lives in them.", float64(st.RelocatedSegments))
	send(prometheus.GaugeValue, "reclaimable_bytes", "Bytes of batches that nobody can read any more, in files that are not written any more.", float64(st.ReclaimableBytes))
	send(prometheus.GaugeValue, "cold_log_bytes", "Size of the cold log.", float64(st.ColdBytes))
	send(prometheus.GaugeValue, "tail_ring_bytes", "Memory of the tail ring.", float64(st.RingBytes))
	send(prometheus.GaugeValue, "disk_free_bytes", "Free bytes of the disk.", float64(st.FreeBytes))
	send(prometheus.GaugeValue, "disk_total_bytes", "Size of the disk.", float64(st.TotalBytes))
	c.sendDamage(send, st)
}
