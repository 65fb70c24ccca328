package cluster

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Resolver answers what a setting is and where its value comes from, for one
// broker: what was set on the topic or group, else what was set while running
// on this broker, else for all brokers, else in the file, environment or
// flags, else the default. Safe for concurrent use; it never changes.
type Resolver struct {
	node   model.BrokerID
	static map[string]string
	limits Limits
}

// NewResolver takes the broker settings of the file, the environment and the
// flags, which CheckStatic has found good.
func NewResolver(static map[string]string) *Resolver {
	r := &Resolver{static: make(map[string]string, len(static))}
	for k, v := range static {
		if _, ok := brokerDefs().byName[k]; ok {
			r.static[k] = v
		}
	}
	// broker.id is node.id under its older name; -1 says that it is not set.
	if old, ok := r.static[BrokerIDKey]; ok && strings.TrimSpace(old) != "-1" {
		r.static[NodeIDKey] = old
	}
	empty := &Image{}
	r.node = model.BrokerID(r.Int(empty, NodeIDKey))
	r.limits.SegmentBytes = r.Int(empty, SegmentBytesKey)
	return r
}

// NodeID is the broker that the resolver speaks for.
func (r *Resolver) NodeID() model.BrokerID { return r.node }

// Synonym is one of the values that a setting could take, or takes: the first
// of its list counts.
type Synonym struct {
	Name, Value string
	Source      ConfigSource
	scale       int64
}

// scaled is the value in the unit of the setting that asks.
func (s Synonym) scaled() string {
	if s.scale <= 1 {
		return s.Value
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s.Value), 10, 64)
	if err != nil || n < 0 { // negative means no limit in every unit
		return s.Value
	}
	if n > maxInt64/s.scale {
		return maxLong
	}
	return strconv.FormatInt(n*s.scale, 10)
}

// chain lists the values of broker settings that mean the same, strongest
// first: by source, and within a source by name.
func (r *Resolver) chain(img *Image, units []Unit) []Synonym {
	var out []Synonym
	from := func(source ConfigSource, get func(name string) (string, bool)) {
		for _, u := range units {
			if v, ok := get(u.Name); ok {
				out = append(out, Synonym{Name: u.Name, Value: v, Source: source, scale: u.Scale})
			}
		}
	}
	in := func(m map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			v, ok := m[name]
			return v, ok
		}
	}
	from(SourceBroker, in(img.NodeConfigs[r.node]))
	from(SourceDefaultBroker, in(img.BrokerConfigs))
	from(SourceStatic, in(r.static))
	from(SourceDefault, func(name string) (string, bool) {
		d, ok := brokerDefs().byName[name]
		if !ok || d.Null {
			return "", false
		}
		return d.Default, true
	})
	return out
}

// brokerUnits are a broker setting and its synonyms.
func brokerUnits(d *ConfigDef) []Unit {
	return append([]Unit{{d.Name, 1}}, d.Synonyms...)
}

// broker returns the effective value of a broker setting; ok is false for null.
func (r *Resolver) broker(img *Image, key string) (value string, ok bool) {
	d, known := brokerDefs().byName[key]
	if !known {
		panic("cluster: no broker setting is called " + key) // a mistake of ours, at start
	}
	chain := r.chain(img, brokerUnits(d))
	if len(chain) == 0 {
		return "", false
	}
	return chain[0].scaled(), true
}

// Text is the effective value of a broker setting; "" for null.
func (r *Resolver) Text(img *Image, key string) string {
	v, _ := r.broker(img, key)
	return v
}

// Int is Text for whole numbers; 0 for null.
func (r *Resolver) Int(img *Image, key string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(r.Text(img, key)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Duration is Int in units of so much. What a Duration can not hold is the
// longest one: people write the largest number for "never" and "for ever".
func (r *Resolver) Duration(img *Image, key string, unit time.Duration) time.Duration {
	n := time.Duration(r.Int(img, key))
	switch {
	case n > math.MaxInt64/unit:
		return math.MaxInt64
	case n < math.MinInt64/unit:
		return math.MinInt64
	}
	return n * unit
}

// Float is Text for decimal numbers; 0 for null.
func (r *Resolver) Float(img *Image, key string) float64 { return decimal(r.Text(img, key)) }

// Bool is Text for truth values.
func (r *Resolver) Bool(img *Image, key string) bool {
	v, _ := parseBool(r.Text(img, key))
	return v
}

// List is Text for lists.
func (r *Resolver) List(img *Image, key string) []string { return ParseList(r.Text(img, key)) }

// topicChain lists what a topic setting could be, strongest first; t may be
// nil for what a new topic would get.
func (r *Resolver) topicChain(img *Image, configs map[string]string, d *ConfigDef) []Synonym {
	var out []Synonym
	if v, ok := configs[d.Name]; ok {
		out = append(out, Synonym{Name: d.Name, Value: v, Source: SourceTopic})
	}
	return append(out, r.chain(img, d.Synonyms)...)
}

// effective picks the value of a setting from its chain.
func effective(d *ConfigDef, chain []Synonym) (value string, source ConfigSource) {
	if len(chain) == 0 {
		return d.Default, SourceDefault
	}
	return chain[0].scaled(), chain[0].Source
}
