package cluster

import (
	"slices"
	"strings"
	"sync"
)

// ConfigType is what a value is; the numbers are DescribeConfigs'.
type ConfigType int8

// The config types.
const (
	TypeBoolean  ConfigType = 1
	TypeString   ConfigType = 2
	TypeInt      ConfigType = 3
	TypeShort    ConfigType = 4
	TypeLong     ConfigType = 5
	TypeDouble   ConfigType = 6
	TypeList     ConfigType = 7
	TypeClass    ConfigType = 8
	TypePassword ConfigType = 9
)

// ConfigSource is where a value came from; the numbers are DescribeConfigs'.
type ConfigSource int8

// The config sources.
const (
	SourceTopic         ConfigSource = 1 // set on the topic
	SourceBroker        ConfigSource = 2 // set on this broker while running
	SourceDefaultBroker ConfigSource = 3 // set for all brokers while running
	SourceStatic        ConfigSource = 4 // file, environment or flag
	SourceDefault       ConfigSource = 5
	SourceClientMetrics ConfigSource = 7 // set on the subscription
	SourceGroup         ConfigSource = 8 // set on the group
)

// Effect says what a setting does in this broker.
type Effect uint8

// The effects.
const (
	// Obeyed settings do what their description says.
	Obeyed Effect = iota
	// Hint settings speak of a file layout, threads or features that this
	// broker does not have: checked, stored and shown, without effect.
	Hint
	// CompactedOnly settings speak of Kafka's segments, which only the part of a
	// compacted partition that is left alone is measured by.
	CompactedOnly
)

// DynamicScope says whether a broker config can be changed while running.
type DynamicScope uint8

// The scopes.
const (
	ReadOnly    DynamicScope = iota // needs a restart
	ClusterWide                     // for all brokers or for one
)

// ConfigDef is one setting.
type ConfigDef struct {
	Name    string
	Rule    Rule
	Default string
	Null    bool // there is no default: the value is null
	Hidden  bool // can be set, but is not listed to clients
	Rare    bool // is listed to clients only where it is set
	Effect  Effect
	Instead string // if not Obeyed: the setting of ours that does what may be wanted
	Dynamic DynamicScope
	// Refuse says why a value that Kafka would accept is refused, or "". May be nil.
	Refuse func(value string, l Limits) string
	// Synonyms are the broker settings that give a topic or group setting its
	// default, or a broker setting its value in another unit, strongest first.
	Synonyms []Unit
	Doc      string
}

// Unit is a setting under another name, in a unit Scale times as large.
type Unit struct {
	Name  string
	Scale int64
}

// Limits are the sizes that values are held against.
type Limits struct {
	SegmentBytes int64 // of the CommitLog: no batch may be larger
}

// Documentation is the text that DescribeConfigs shows.
func (d *ConfigDef) Documentation() string {
	switch d.Effect {
	case Hint:
		if d.Refuse != nil {
			return d.Doc + " Mainstem has no such thing: a value that asks for it is refused."
		}
		return d.Doc + " Stored and shown, without effect in Mainstem."
	case CompactedOnly:
		return d.Doc + " Of effect for compacted topics only."
	case Obeyed:
	}
	return d.Doc
}

// Unit is what a number counts, by the end of the setting's name; "" if that
// does not say, or it is no number.
func (d *ConfigDef) Unit() string {
	if t := d.Rule.Type; t != TypeInt && t != TypeLong && t != TypeShort {
		return ""
	}
	for _, u := range []struct{ ending, unit string }{
		{".bytes.per.second", "bytes per second"},
		{".bytes", "bytes"},
		{".ms", "milliseconds"},
		{".minutes", "minutes"},
		{".hours", "hours"},
		{".percent", "percent"},
	} {
		if strings.HasSuffix(d.Name, u.ending) {
			return u.unit
		}
	}
	return ""
}

// Alterable reports whether a broker setting can be changed while it runs.
func (d *ConfigDef) Alterable() bool { return d.Dynamic == ClusterWide }

// WithoutEffect warns of a value that was given to what is not Obeyed; "" for
// what is, and for Kafka's own default, which nobody meant as a change.
func (d *ConfigDef) WithoutEffect(value string) string {
	if d.Effect == Obeyed || !d.Null && strings.TrimSpace(value) == d.Default {
		return ""
	}
	text := "the setting " + d.Name + " has no effect in Mainstem"
	if d.Effect == CompactedOnly {
		text += " but for compacted topics"
	}
	if d.Instead != "" {
		text += "; see " + d.Instead
	}
	return text
}

// Sensitive reports whether the value must not be shown.
func (d *ConfigDef) Sensitive() bool { return d.Rule.Type == TypePassword }

// defSet is a family of settings, by name and in name order.
type defSet struct {
	list   []*ConfigDef
	byName map[string]*ConfigDef
}

func newDefSet(defs ...[]ConfigDef) *defSet {
	s := &defSet{byName: make(map[string]*ConfigDef)}
	for _, family := range defs {
		for i := range family {
			s.list = append(s.list, &family[i])
			s.byName[family[i].Name] = &family[i]
		}
	}
	slices.SortFunc(s.list, func(a, b *ConfigDef) int { return strings.Compare(a.Name, b.Name) })
	return s
}

func (s *defSet) names() []string {
	names := make([]string, len(s.list))
	for i, d := range s.list {
		names[i] = d.Name
	}
	return names
}

// The families, built once.
var (
	topicDefs  = sync.OnceValue(func() *defSet { return newDefSet(topicConfigDefs(), topicCompactionDefs(), topicHintDefs()) })
	brokerDefs = sync.OnceValue(func() *defSet {
		return newDefSet(brokerConfigDefs(), brokerLogDefs(), brokerUpkeepDefs(), brokerCompactionDefs(), brokerDiskDefs(), brokerHintDefs())
	})
	groupDefs         = sync.OnceValue(func() *defSet { return newDefSet(groupConfigDefs(), groupHintDefs()) })
	clientMetricsDefs = sync.OnceValue(func() *defSet { return newDefSet(clientMetricsConfigDefs()) })
)

// BrokerConfigDef finds a broker setting by name.
func BrokerConfigDef(name string) (*ConfigDef, bool) {
	d, ok := brokerDefs().byName[name]
	return d, ok
}
