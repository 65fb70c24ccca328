package server

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server/quota"
)

// latencyBounds are the upper bounds of the latency histogram's buckets.
var latencyBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	100 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

// apiStats counts the requests of one API. Plain atomics: a request costs
// three additions here and no look-up.
type apiStats struct {
	name     string
	versions []atomic.Uint64
	buckets  [len(latencyBounds) + 1]atomic.Uint64
	nanos    atomic.Uint64
}

// metrics is what the server counts. It is a prometheus.Collector itself, so
// that the hot counters need not be prometheus's.
type metrics struct {
	bytesIn, bytesOut atomic.Uint64
	now               gauges
	// throttles counts pauses, by the kind of quota.
	throttles [quota.KindCount]struct{ count, nanos atomic.Uint64 }

	mu struct {
		sync.Mutex
		apis        []*apiStats
		errors      map[errorKey]uint64
		unsupported map[strangerKey]uint64
		refused     map[string]uint64
		stranded    map[string]uint64 // by the address that they were sent to
		closed      map[string]uint64
	}
	desc descriptions
}

// gauges are asked when metrics are.
type gauges struct {
	bufferBytes, answerBytes, sessionBytes func() int64
	connections, fetchSessions             func() int
	throttleClients                        func() int
	backfills                              func() []backfillState
}

type errorKey struct {
	api  *apiStats
	code protocol.ErrorCode
}

// strangerKey names who asked for what is not served.
type strangerKey struct {
	key               protocol.Key
	version           int16
	software, release string
}

// strangersMax bounds the label values that clients choose themselves.
const strangersMax = 200

type descriptions struct {
	requests, latency, errors, unsupported, refused, closed *prometheus.Desc
	stranded                                                *prometheus.Desc
	bytesIn, bytesOut, buffers, answers, connections        *prometheus.Desc
	sessions, sessionBytes                                  *prometheus.Desc
	throttles, throttleTime, throttleClients                *prometheus.Desc
	backfills, behindRecords, behindBytes, paceBytes, eta   *prometheus.Desc
}

func newMetrics() *metrics {
	m := &metrics{}
	m.mu.errors = map[errorKey]uint64{}
	m.mu.unsupported = map[strangerKey]uint64{}
	m.mu.refused = map[string]uint64{}
	m.mu.stranded = map[string]uint64{}
	m.mu.closed = map[string]uint64{}
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("mainstem_"+name, help, labels, nil)
	}
	m.desc = descriptions{
		requests:    d("requests_total", "Requests answered.", "api", "version"),
		latency:     d("request_duration_seconds", "From a request's last byte read until its answer was written.", "api"),
		errors:      d("request_errors_total", "Answers by the first error in them.", "api", "error"),
		unsupported: d("unsupported_versions_total", "Requests in versions not served, by client software.", "api", "version", "software", "software_version"),
		refused:     d("connections_refused_total", "Connections turned away, by the limit that was reached.", "limit"),
		stranded:    d("stranded_clients_total", "Addresses of clients that asked for topics and did not come to the advertised address.", "advertised"),
		closed:      d("connections_closed_total", "Connections closed by the server, by reason.", "reason"),
		bytesIn:     d("request_bytes_total", "Bytes of requests read."),
		bytesOut:    d("response_bytes_total", "Bytes of answers written."),
		buffers:     d("request_buffer_bytes", "Memory of request buffers in use, of queued.max.request.bytes."),
		answers:     d("answer_bytes", "Memory of large answers being made or waiting for their clients."),
		connections: d("connections", "Open connections."),
		sessions:    d("fetch_sessions", "Fetch sessions held (KIP-227)."),

		sessionBytes: d("fetch_session_bytes", "Memory that they are counted with; who finds none left has no session."),

		throttles:       d("throttled_total", "Requests after which a client had to pause, by the quota that it was over.", "quota"),
		throttleTime:    d("throttle_seconds_total", "The pauses that they were told.", "quota"),
		throttleClients: d("quota_clients", "Clients whose use is reckoned against a quota, for each kind."),

		backfills:     d("backfills", "Clients that read a backlog from the disk, topic by topic."),
		behindRecords: d("backfill_behind_records", "How far behind a client is that reads a backlog.", "client_id", "address", "topic"),
		behindBytes:   d("backfill_behind_bytes", "The same in bytes, by the average size of records.", "client_id", "address", "topic"),
		paceBytes:     d("backfill_bytes_per_second", "How fast it reads.", "client_id", "address", "topic"),
		eta:           d("backfill_eta_seconds", "How long it will take at this pace; none if it does not gain.", "client_id", "address", "topic"),
	}
	return m
}

// api makes the counters of one row of the table.
func (m *metrics) api(name string, maxVersion int16) *apiStats {
	st := &apiStats{name: name, versions: make([]atomic.Uint64, maxVersion+1)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.apis = append(m.mu.apis, st)
	return st
}

// answered counts a call whose answer was written.
func (m *metrics) answered(c *call, now time.Time) {
	st := c.api.stats
	if v := int(c.header.Version); v >= 0 && v < len(st.versions) {
		st.versions[v].Add(1)
	} else {
		st.versions[0].Add(1)
	}
	took := max(now.Sub(c.start), 0)
	i := 0
	for i < len(latencyBounds) && took > latencyBounds[i] {
		i++
	}
	st.buckets[i].Add(1)
	st.nanos.Add(uint64(took))
	if c.code != protocol.NoError {
		m.mu.Lock()
		m.mu.errors[errorKey{st, c.code}]++
		m.mu.Unlock()
	}
}

// unsupported counts a request that is not served.
func (m *metrics) unsupported(h protocol.RequestHeader, sw *software) {
	k := strangerKey{key: h.Key, version: h.Version, software: sw.name, release: sw.version}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.mu.unsupported[k]; !known && len(m.mu.unsupported) >= strangersMax {
		k = strangerKey{key: -1, version: -1, software: "other"}
	}
	m.mu.unsupported[k]++
}

func (m *metrics) refused(limit string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.refused[limit]++
}

func (m *metrics) stranded(advertised string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.stranded[advertised]++
}

func (m *metrics) closed(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.closed[reason]++
}

// throttled counts a pause.
func (m *metrics) throttled(k quota.Kind, pause time.Duration) {
	m.throttles[k].count.Add(1)
	m.throttles[k].nanos.Add(uint64(pause))
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	d := &m.desc
	for _, x := range []*prometheus.Desc{
		d.requests, d.latency, d.errors, d.unsupported, d.refused, d.stranded, d.closed,
		d.bytesIn, d.bytesOut, d.buffers, d.answers, d.connections, d.sessions, d.sessionBytes,
		d.throttles, d.throttleTime, d.throttleClients,
		d.backfills, d.behindRecords, d.behindBytes, d.paceBytes, d.eta,
	} {
		ch <- x
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n)
	}
	counter(m.desc.bytesIn, m.bytesIn.Load())
	counter(m.desc.bytesOut, m.bytesOut.Load())
	gauge(m.desc.buffers, float64(m.now.bufferBytes()))
	gauge(m.desc.answers, float64(m.now.answerBytes()))
	gauge(m.desc.connections, float64(m.now.connections()))
	gauge(m.desc.sessions, float64(m.now.fetchSessions()))
	gauge(m.desc.sessionBytes, float64(m.now.sessionBytes()))
	gauge(m.desc.throttleClients, float64(m.now.throttleClients()))
	for k := range m.throttles {
		st, label := &m.throttles[k], quota.Kind(k).String()
		counter(m.desc.throttles, st.count.Load(), label)
		ch <- prometheus.MustNewConstMetric(m.desc.throttleTime, prometheus.CounterValue, time.Duration(st.nanos.Load()).Seconds(), label)
	}
	m.collectBackfills(ch)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, st := range m.mu.apis {
		st.collect(m.desc, ch)
	}
	for k, n := range m.mu.errors {
		counter(m.desc.errors, n, k.api.name, k.code.String())
	}
	for k, n := range m.mu.unsupported {
		counter(m.desc.unsupported, n, k.key.String(), strconv.Itoa(int(k.version)), printable(k.software), printable(k.release))
	}
	for limit, n := range m.mu.refused {
		counter(m.desc.refused, n, limit)
	}
	for advertised, n := range m.mu.stranded {
		counter(m.desc.stranded, n, printable(advertised))
	}
	for reason, n := range m.mu.closed {
		counter(m.desc.closed, n, reason)
	}
}

// collectBackfills shows those that are told of, which are few.
func (m *metrics) collectBackfills(ch chan<- prometheus.Metric) {
	all := m.now.backfills()
	ch <- prometheus.MustNewConstMetric(m.desc.backfills, prometheus.GaugeValue, float64(len(all)))
	for _, f := range all {
		gauge := func(d *prometheus.Desc, n float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, printable(f.client), f.address, f.topic)
		}
		gauge(m.desc.behindRecords, float64(f.behind.records))
		gauge(m.desc.behindBytes, float64(f.behind.bytes))
		gauge(m.desc.paceBytes, f.perSec)
		if f.eta >= 0 {
			gauge(m.desc.eta, f.eta.Seconds())
		}
	}
}

func (st *apiStats) collect(d descriptions, ch chan<- prometheus.Metric) {
	for v := range st.versions {
		if n := st.versions[v].Load(); n > 0 {
			ch <- prometheus.MustNewConstMetric(d.requests, prometheus.CounterValue, float64(n), st.name, strconv.Itoa(v))
		}
	}
	cumulative := make(map[float64]uint64, len(latencyBounds))
	var count uint64
	for i, bound := range latencyBounds {
		count += st.buckets[i].Load()
		cumulative[bound.Seconds()] = count
	}
	if count += st.buckets[len(latencyBounds)].Load(); count > 0 {
		sum := time.Duration(st.nanos.Load()).Seconds()
		ch <- prometheus.MustNewConstHistogram(d.latency, count, sum, cumulative, st.name)
	}
}

// printable makes a client's words fit for a label: prometheus refuses what
// is not UTF-8.
func printable(s string) string {
	return strconv.QuoteToASCII(s)[1 : len(strconv.QuoteToASCII(s))-1]
}
