package telemetry

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mainstem-mq/mainstem/protocol"
)

// pushedHelp is the same for all families of clients: their names are explained
// where they come from.
const pushedHelp = "Pushed by clients (KIP-714)."

// Collector shows what clients pushed, and counts it.
func (t *Telemetry) Collector(now func() time.Time) prometheus.Collector {
	return &collector{t: t, now: now}
}

type collector struct {
	t   *Telemetry
	now func() time.Time
}

// Describe implements prometheus.Collector: nobody can know which families clients
// will push.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// shown is a series as it was when the scrape began.
type shown struct {
	*series
	client *shownClient
	value  float64
}

// shownClient is a client as it was then. What it points at never changes.
type shownClient struct {
	id    string
	who   Client
	about []label
}

// snapshot is taken under the lock, so that nothing is made of it there.
type snapshot struct {
	clients []*shownClient
	series  []shown
	bytes   int
	pushes  map[protocol.ErrorCode]uint64
	dropped [dropCount]uint64
}

func (t *Telemetry) snapshot(now time.Time) snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := &t.mu.kept
	k.sweep(now)
	s := snapshot{series: make([]shown, 0, k.count), bytes: k.bytes, pushes: map[protocol.ErrorCode]uint64{}, dropped: t.mu.dropped}
	for _, c := range k.clients {
		client := &shownClient{c.id.String(), c.who, c.about}
		s.clients = append(s.clients, client)
		for _, one := range c.series {
			s.series = append(s.series, shown{one, client, one.value})
		}
	}
	for code, n := range t.mu.pushes {
		s.pushes[code] = n
	}
	return s
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.t.snapshot(c.now())
	own := func(kind prometheus.ValueType, name, help string, v float64, labels ...label) {
		names, values := split(labels)
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("mainstem_telemetry_"+name, help, names, nil), kind, v, values...)
	}
	own(prometheus.GaugeValue, "clients", "Clients of which pushed metrics are kept.", float64(len(s.clients)))
	own(prometheus.GaugeValue, "series", "Series that clients pushed and are kept.", float64(len(s.series)))
	own(prometheus.GaugeValue, "bytes", "Memory that they are counted with.", float64(s.bytes))
	for code, n := range s.pushes {
		own(prometheus.CounterValue, "pushes_total", "Pushes of metrics, by what they were answered.", float64(n), label{"result", code.String()})
	}
	for why, n := range s.dropped {
		own(prometheus.CounterValue, "points_dropped_total", "Values that clients pushed and were not kept.", float64(n), label{"why", drop(why).String()})
	}
	for _, client := range s.clients {
		own(prometheus.GaugeValue, "client_info", "A client of which pushed metrics are kept, and what it says of itself.", 1, client.labels()...)
	}
	descs := map[string]*prometheus.Desc{}
	for i := range s.series {
		s.series[i].send(ch, descs)
	}
}

// labels are those of the client's own line. What it says of itself comes behind what
// its connection tells.
func (c *shownClient) labels() []label {
	return append([]label{
		{clientIDLabel, c.who.ClientID},
		{instanceIDLabel, c.id},
		{softwareLabel, c.who.SoftwareName},
		{versionLabel, c.who.SoftwareVersion},
		{addressLabel, c.who.SourceAddress},
	}, c.about...)
}

// send shows a series. Most of a family have the same labels, and so one description.
func (s *shown) send(ch chan<- prometheus.Metric, descs map[string]*prometheus.Desc) {
	names, values := split(append([]label{{clientIDLabel, s.client.who.ClientID}, {instanceIDLabel, s.client.id}}, s.labels...))
	of := s.family + " " + strings.Join(names, " ")
	desc := descs[of]
	if desc == nil {
		desc = prometheus.NewDesc(s.family, pushedHelp, names, nil)
		descs[of] = desc
	}
	kind := prometheus.GaugeValue
	if s.counter {
		kind = prometheus.CounterValue
	}
	ch <- prometheus.MustNewConstMetric(desc, kind, s.value, values...)
}

func split(labels []label) (names, values []string) {
	for _, l := range labels {
		names, values = append(names, l.name), append(values, l.value)
	}
	return names, values
}
