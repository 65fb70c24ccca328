package server

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/clock"
)

const (
	// groupFiguresFor is how long figures of groups are shown before they are
	// gathered anew: a scrape must not cost more because others scrape too.
	groupFiguresFor = 5 * time.Second
	// groupFiguresWait is how long a scrape waits for new ones; it shows the old
	// ones if it takes longer.
	groupFiguresWait = time.Second
	// groupSeriesMax bounds the partitions of groups, the topics of groups, the
	// groups, and the partitions of topics that have series of their own, each.
	groupSeriesMax = 10_000
)

// groupCollector shows groups and their lag under the names that the dashboards
// of kafka_exporter and of kafka-lag-exporter ask for. It has figures of some
// seconds ago, so a scrape waits for no shard that loads and for no slow disk.
type groupCollector struct {
	s    *Server
	most int // groupSeriesMax
	desc groupDescriptions

	mu struct {
		sync.Mutex
		figures *groupFigures // nil: none yet
		coming  chan struct{} // closed when those that are gathered now are there; nil: none are
	}
}

// groupFigures is what was found at some moment.
type groupFigures struct {
	at        time.Time
	cluster   string
	groups    []groupFigure
	topics    []topicFigure
	truncated bool // there is more than is shown
}

// groupFigure is one group.
type groupFigure struct {
	group      string // as a label
	members    int
	lag        Lag
	most       int64 // records, of one partition
	measured   bool  // all its partitions: lag.Seconds is the truth
	topics     []groupTopicFigure
	partitions []GroupPartition // with labels for members, clients and hosts
}

// groupTopicFigure sums up one topic of a group.
type groupTopicFigure struct {
	topic        string
	offsets, lag int64
}

// topicFigure is one partition of a topic.
type topicFigure struct {
	topic       string
	partition   int32
	oldest, end int64
}

type groupDescriptions struct {
	offset, lag, offsetSum, lagSum, members                     *prometheus.Desc
	topicEnd, topicOldest                                       *prometheus.Desc
	xOffset, xLag, xSeconds, xMax, xMaxSec, xTopic, xSum        *prometheus.Desc
	groups, rebalances, expired, commits, ignored, shards, offs *prometheus.Desc
	cells, rewinds, truncated                                   *prometheus.Desc
}

// GroupCollector is what there is to know of groups, for a registry.
func (s *Server) GroupCollector() prometheus.Collector { return s.groupCollector(groupSeriesMax) }

func (s *Server) groupCollector(most int) *groupCollector {
	c := &groupCollector{s: s, most: most}
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	member := []string{"cluster_name", "group", "topic", "partition", "member_host", "consumer_id", "client_id"}
	c.desc = groupDescriptions{
		offset:    d("kafka_consumergroup_current_offset", "Committed offset.", "consumergroup", "topic", "partition"),
		lag:       d("kafka_consumergroup_lag", "Records between the committed offset and the end.", "consumergroup", "topic", "partition"),
		offsetSum: d("kafka_consumergroup_current_offset_sum", "Committed offsets of all partitions, added up.", "consumergroup", "topic"),
		lagSum:    d("kafka_consumergroup_lag_sum", "Lag of all partitions, added up.", "consumergroup", "topic"),
		members:   d("kafka_consumergroup_members", "Members of the group.", "consumergroup"),

		topicEnd:    d("kafka_topic_partition_current_offset", "High watermark.", "topic", "partition"),
		topicOldest: d("kafka_topic_partition_oldest_offset", "Log start.", "topic", "partition"),

		xOffset:  d("kafka_consumergroup_group_offset", "Committed offset, by who was given the partition.", member...),
		xLag:     d("kafka_consumergroup_group_lag", "Records between the committed offset and the end.", member...),
		xSeconds: d("kafka_consumergroup_group_lag_seconds", "How long the first record that was not consumed has been there.", member...),
		xMax:     d("kafka_consumergroup_group_max_lag", "The largest lag of a partition, in records.", "cluster_name", "group"),
		xMaxSec:  d("kafka_consumergroup_group_max_lag_seconds", "The largest lag of a partition, in seconds.", "cluster_name", "group"),
		xTopic:   d("kafka_consumergroup_group_topic_sum_lag", "Lag of all partitions of the topic, added up.", "cluster_name", "group", "topic"),
		xSum:     d("kafka_consumergroup_group_sum_lag", "Lag of all partitions, added up.", "cluster_name", "group"),

		groups:     d("mainstem_groups", "Groups by kind and state.", "kind", "state"),
		rebalances: d("mainstem_group_rebalances_total", "Generations formed, and epochs that all members of a consumer group came to."),
		expired:    d("mainstem_group_expired_offsets_total", "Committed offsets that went as their retention was over."),
		ignored:    d("mainstem_group_rewind_ignored_commits_total", "Offsets of before a rewind that members committed after it was done: answered, and not used."),
		rewinds:    d("mainstem_group_rewinds", "Groups that are being rewound (emptying), or were and can be taken back yet (done).", "phase"),
		commits:    d("mainstem_group_commits_total", "Offsets committed, one for each partition."),
		cells:      d("mainstem_group_cells", "Members of broadcast groups, present and past, for which offsets or a group are kept."),
		shards:     d("mainstem_group_shards_loaded", "Partitions of __consumer_offsets whose groups are served."),
		offs:       d("mainstem_group_offsets", "Committed offsets held."),
		truncated:  d("mainstem_group_series_truncated", "1: there are more partitions, topics or groups than are shown one by one."),
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *groupCollector) Describe(ch chan<- *prometheus.Desc) {
	d := &c.desc
	for _, x := range []*prometheus.Desc{
		d.offset, d.lag, d.offsetSum, d.lagSum, d.members, d.topicEnd, d.topicOldest,
		d.xOffset, d.xLag, d.xSeconds, d.xMax, d.xMaxSec, d.xTopic, d.xSum,
		d.groups, d.rebalances, d.expired, d.commits, d.ignored, d.shards, d.offs, d.cells, d.rewinds, d.truncated,
	} {
		ch <- x
	}
}

// Collect implements prometheus.Collector.
func (c *groupCollector) Collect(ch chan<- prometheus.Metric) {
	d := &c.desc
	send := func(kind prometheus.ValueType, d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	m := c.s.groups.Metrics()
	for class, n := range m.Groups {
		send(prometheus.GaugeValue, d.groups, float64(n), class.Type, class.State)
	}
	send(prometheus.CounterValue, d.rebalances, float64(m.Rebalances))
	send(prometheus.CounterValue, d.expired, float64(m.Expired))
	send(prometheus.CounterValue, d.commits, float64(m.Commits))
	send(prometheus.CounterValue, d.ignored, float64(m.Ignored))
	for phase, n := range m.Rewinds {
		send(prometheus.GaugeValue, d.rewinds, float64(n), string(phase))
	}
	send(prometheus.GaugeValue, d.cells, float64(m.Cells))
	send(prometheus.GaugeValue, d.shards, float64(m.ShardsLoaded))
	send(prometheus.GaugeValue, d.offs, float64(m.Offsets))
	f := c.current()
	if f == nil {
		return
	}
	truncated := 0.0
	if f.truncated {
		truncated = 1
	}
	send(prometheus.GaugeValue, d.truncated, truncated)
	gauge := func(d *prometheus.Desc, v float64, labels ...string) { send(prometheus.GaugeValue, d, v, labels...) }
	for i := range f.topics {
		t := &f.topics[i]
		partition := strconv.Itoa(int(t.partition))
		gauge(d.topicEnd, float64(t.end), t.topic, partition)
		gauge(d.topicOldest, float64(t.oldest), t.topic, partition)
	}
	for i := range f.groups {
		c.collectGroup(gauge, f.cluster, &f.groups[i])
	}
}

func (c *groupCollector) collectGroup(gauge func(*prometheus.Desc, float64, ...string), name string, g *groupFigure) {
	d := &c.desc
	gauge(d.members, float64(g.members), g.group)
	gauge(d.xSum, float64(g.lag.Records), name, g.group)
	gauge(d.xMax, float64(g.most), name, g.group)
	if g.measured {
		gauge(d.xMaxSec, g.lag.Seconds, name, g.group)
	}
	for _, t := range g.topics {
		gauge(d.offsetSum, float64(t.offsets), g.group, t.topic)
		gauge(d.lagSum, float64(t.lag), g.group, t.topic)
		gauge(d.xTopic, float64(t.lag), name, g.group, t.topic)
	}
	for i := range g.partitions {
		p := &g.partitions[i]
		if p.Lag == nil {
			continue
		}
		partition := strconv.Itoa(int(p.Partition))
		gauge(d.offset, float64(*p.Committed), g.group, p.Topic, partition)
		gauge(d.lag, float64(p.Lag.Records), g.group, p.Topic, partition)
		who := []string{name, g.group, p.Topic, partition, p.Host, p.Member, p.Client}
		gauge(d.xOffset, float64(*p.Committed), who...)
		gauge(d.xLag, float64(p.Lag.Records), who...)
		if p.Error == "" {
			gauge(d.xSeconds, p.Lag.Seconds, who...)
		}
	}
}

// current are figures that are fresh, or the last ones if those take too long;
// nil: there never were any.
func (c *groupCollector) current() *groupFigures {
	c.mu.Lock()
	f, coming := c.mu.figures, c.mu.coming
	if f != nil && c.s.clock.Now().Sub(f.at) < groupFiguresFor {
		c.mu.Unlock()
		return f
	}
	if coming == nil {
		coming = make(chan struct{})
		if !c.s.tasks.start(func() { c.gather(coming) }) {
			c.mu.Unlock()
			return f
		}
		c.mu.coming = coming
	}
	c.mu.Unlock()
	clock.Wait(c.s.clock, groupFiguresWait, coming)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.figures
}

// gather finds new figures. Groups of a shard that is loading are not among them.
func (c *groupCollector) gather(done chan struct{}) {
	f := &groupFigures{at: c.s.clock.Now(), cluster: c.s.meta.Image().ClusterID}
	ok := c.gatherGroups(f)
	c.gatherTopics(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ok && c.mu.figures != nil {
		f.groups = c.mu.figures.groups // better old than gone: alerts look at them
	}
	c.mu.figures, c.mu.coming = f, nil
	close(done)
}

// gatherGroups is false if the coordinator gave no answer at all.
func (c *groupCollector) gatherGroups(f *groupFigures) bool {
	views, err := c.s.inspect(c.s.lifetime, nil)
	if views == nil && err != nil {
		return false
	}
	partitions, topics, seen, ends := 0, 0, make(map[string]bool, len(views)), c.s.newEnds()
	for i := range views {
		v := &views[i]
		g := groupFigure{group: label(v.ID), members: len(v.Members)}
		if seen[g.group] || len(f.groups) >= c.most {
			f.truncated = true
			continue
		}
		seen[g.group] = true
		n := 0
		for i := range v.Offsets {
			n += len(v.Offsets[i].Partitions)
		}
		// Of groups that do not fit only the sums are shown: they need no look into
		// the log.
		if g.measured = partitions+n <= c.most; g.measured {
			partitions += n
			all := c.s.measure(v)
			g.sum(all)
			g.partitions = labelled(all)
		} else {
			g.count(v, ends)
			f.truncated = true
		}
		if topics+len(g.topics) > c.most {
			g.topics, f.truncated = nil, true
		}
		topics += len(g.topics)
		f.groups = append(f.groups, g)
	}
	return true
}

// sum adds up the partitions, which come by topic.
func (g *groupFigure) sum(all []GroupPartition) {
	for i := range all {
		p := &all[i]
		if p.Lag == nil {
			continue
		}
		g.measured = g.measured && p.Error == ""
		g.lag.add(p.Lag)
		g.most = max(g.most, p.Lag.Records)
		if n := len(g.topics); n == 0 || g.topics[n-1].topic != p.Topic {
			g.topics = append(g.topics, groupTopicFigure{topic: p.Topic})
		}
		t := &g.topics[len(g.topics)-1]
		t.offsets, t.lag = t.offsets+*p.Committed, t.lag+p.Lag.Records
	}
}

// count is sum in records alone.
func (g *groupFigure) count(v *coordinator.GroupView, ends *ends) {
	for i := range v.Offsets {
		t := groupTopicFigure{topic: v.Offsets[i].Topic}
		known := ends.eachLag(&v.Offsets[i], func(offset, lag int64) {
			t.offsets, t.lag = t.offsets+offset, t.lag+lag
			g.most = max(g.most, lag)
		})
		if known > 0 {
			g.topics = append(g.topics, t)
			g.lag.Records += t.lag
		}
	}
}

// gatherTopics finds where the partitions of users' topics begin and end.
func (c *groupCollector) gatherTopics(f *groupFigures) {
	c.s.meta.Image().Topics(func(t *cluster.Topic) bool {
		for i := range t.Partitions {
			if t.Internal {
				break
			}
			if len(f.topics) >= c.most {
				f.truncated = true
				return false
			}
			p, gone := c.s.partitions.Find(t.Name, int32(i))
			if gone != nil {
				continue
			}
			o := p.Offsets()
			f.topics = append(f.topics, topicFigure{t.Name, int32(i), int64(o.LogStart), int64(o.HighWatermark)})
		}
		return true
	})
}
