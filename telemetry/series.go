package telemetry

import (
	"strings"
	"time"
)

const (
	// clientShare is the part of all series that one client may have.
	clientShare = 4
	// seriesBytes is what a series may have on the average; names and labels that
	// are longer leave room for fewer.
	seriesBytes = 1 << 10
	// seriesCost is what one takes beside its name and labels.
	seriesCost = 192
	// keptMin is how long a series stays at least that is not pushed again, else
	// as long as keptIntervals pushes should take.
	keptMin       = time.Minute
	keptIntervals = 3
)

// series is the newest value of one metric with its labels.
type series struct {
	family  string
	labels  []label
	value   float64
	counter bool
	until   time.Time // when it goes, if it is not pushed again
}

// keptClient is what is kept of one client.
type keptClient struct {
	id     ID
	who    Client
	about  []label // what it says of itself
	series map[string]*series
}

// kept is what clients pushed and has not expired.
type kept struct {
	clients map[ID]*keptClient
	max     int
	count   int
	bytes   int
	swept   time.Time
}

func newKept(seriesMax int) kept {
	return kept{clients: map[ID]*keptClient{}, max: seriesMax}
}

// sweepEvery is how often a push that finds no room looks for what has expired.
const sweepEvery = time.Second

// take keeps the points of a push, as many as there is room for. What it drops it
// counts with them.
func (k *kept) take(id ID, who *Client, all *points, now time.Time, interval time.Duration) {
	if len(all.list) == 0 {
		return
	}
	if k.count+len(all.list) > k.max && now.Sub(k.swept) >= sweepEvery {
		k.sweep(now)
	}
	c := k.clients[id]
	if c == nil {
		c = &keptClient{id: id, series: map[string]*series{}}
		k.clients[id] = c
	}
	c.who, c.about = who.fit(), all.resource
	until := now.Add(max(keptMin, keptIntervals*interval))
	for i := range all.list {
		p := &all.list[i]
		key := p.key()
		s := c.series[key]
		if s == nil {
			if why, room := k.room(c, p.cost()); !room {
				all.dropped[why]++
				continue
			}
			s = &series{family: p.family, labels: p.labels, counter: p.counter}
			c.series[key] = s
			k.count, k.bytes = k.count+1, k.bytes+s.cost()
		}
		s.until = until
		if p.delta {
			s.value += p.value
		} else {
			s.value = p.value
		}
	}
	if len(c.series) == 0 {
		delete(k.clients, id)
	}
}

// room reports whether the client may have one more series, or why not.
func (k *kept) room(c *keptClient, cost int) (why drop, ok bool) {
	switch {
	case len(c.series) >= max(1, k.max/clientShare):
		return dropClient, false
	case k.count >= k.max || k.bytes+cost > k.max*seriesBytes:
		return dropFull, false
	}
	return 0, true
}

// sweep lets go of what has expired.
func (k *kept) sweep(now time.Time) {
	k.swept = now
	for id, c := range k.clients {
		for key, s := range c.series {
			if s.until.Before(now) {
				delete(c.series, key)
				k.count, k.bytes = k.count-1, k.bytes-s.cost()
			}
		}
		if len(c.series) == 0 {
			delete(k.clients, id)
		}
	}
}

// key names the series among its client's.
func (p *point) key() string {
	var b strings.Builder
	b.WriteString(p.family)
	for _, l := range p.labels {
		b.WriteByte(0xff) // in no UTF-8
		b.WriteString(l.name)
		b.WriteByte(0xff)
		b.WriteString(l.value)
	}
	return b.String()
}

func (p *point) cost() int { return cost(p.family, p.labels) }

func (s *series) cost() int { return cost(s.family, s.labels) }

// cost is what a series takes: its words are there twice, as its key has them too.
func cost(family string, labels []label) int {
	n := seriesCost + 2*len(family)
	for _, l := range labels {
		n += 2*(len(l.name)+len(l.value)) + 34
	}
	return n
}
