package cluster

import (
	"github.com/mainstem-mq/mainstem/protocol"
)

// ConfigValue is one setting as DescribeConfigs shows it.
type ConfigValue struct {
	Def      *ConfigDef
	Value    *string // nil for null, and for what must not be shown
	Source   ConfigSource
	ReadOnly bool
	Synonyms []Synonym // strongest first; values that must not be shown are left out
}

// DescribeTopic lists the settings of a topic, but for hidden ones, in name order.
func (r *Resolver) DescribeTopic(img *Image, t *Topic) []ConfigValue {
	return r.DescribeTopicConfigs(img, t.Configs)
}

// DescribeTopicConfigs is DescribeTopic for a topic that has, or would have,
// these configs: what CreateTopics answers also for validate-only.
func (r *Resolver) DescribeTopicConfigs(img *Image, configs map[string]string) []ConfigValue {
	out := make([]ConfigValue, 0, len(topicDefs().list))
	for _, d := range topicDefs().list {
		chain := r.topicChain(img, configs, d)
		if d.Hidden || d.Rare && len(chain) == 0 {
			continue
		}
		v := ConfigValue{Def: d, Source: SourceDefault, Synonyms: chain}
		if len(chain) > 0 || !d.Null {
			value, source := effective(d, chain)
			v.Value, v.Source = &value, source
		}
		out = append(out, v.masked())
	}
	return out
}

// DescribeBroker lists all settings of this broker in name order.
func (r *Resolver) DescribeBroker(img *Image) []ConfigValue {
	out := make([]ConfigValue, 0, len(brokerDefs().list))
	for _, d := range brokerDefs().list {
		chain := r.chain(img, brokerUnits(d))
		// A value under a stronger name is that name's, not this one's.
		for len(chain) > 0 && chain[0].Name != d.Name {
			chain = chain[1:]
		}
		v := ConfigValue{Def: d, Source: SourceDefault, ReadOnly: d.Dynamic == ReadOnly, Synonyms: chain}
		if len(chain) > 0 {
			value := chain[0].Value
			v.Value, v.Source = &value, chain[0].Source
		}
		out = append(out, v.masked())
	}
	return out
}

// DescribeBrokerDefaults lists what was set for all brokers while running.
func (r *Resolver) DescribeBrokerDefaults(img *Image) []ConfigValue {
	var out []ConfigValue
	for _, d := range brokerDefs().list {
		if value, ok := img.BrokerConfigs[d.Name]; ok {
			v := ConfigValue{Def: d, Value: &value, Source: SourceDefaultBroker}
			v.Synonyms = []Synonym{{Name: d.Name, Value: value, Source: SourceDefaultBroker}}
			out = append(out, v.masked())
		}
	}
	return out
}

// DescribeGroup lists all settings of a group in name order; the group need
// not exist.
func (r *Resolver) DescribeGroup(img *Image, group string) []ConfigValue {
	out := make([]ConfigValue, 0, len(groupDefs().list))
	for _, d := range groupDefs().list {
		chain := r.groupChain(img, img.GroupConfigs[group], d)
		value, source := effective(d, chain)
		out = append(out, ConfigValue{Def: d, Value: &value, Source: source, Synonyms: chain}.masked())
	}
	return out
}

func (v ConfigValue) masked() ConfigValue {
	if v.Def.Sensitive() {
		v.Value, v.Synonyms = nil, nil
	}
	return v
}

// Describe lists the settings of a resource, or says why it cannot.
func (r *Resolver) Describe(img *Image, res Resource) ([]ConfigValue, error) {
	switch res.Type {
	case ResourceTopic:
		if err := ValidateTopicName(res.Name); err != nil {
			return nil, err
		}
		t, ok := img.Topic(res.Name)
		if !ok {
			return nil, unknownTopic(res.Name)
		}
		return r.DescribeTopic(img, t), nil
	case ResourceBroker:
		if res.Name == "" {
			return r.DescribeBrokerDefaults(img), nil
		}
		if id, err := parseBroker(res.Name); err != nil || id != r.node {
			return nil, protocol.Errorf(protocol.InvalidRequest,
				"Broker %q cannot be described here: this is broker %d; ask the broker itself.", res.Name, r.node)
		}
		return r.DescribeBroker(img), nil
	case ResourceGroup:
		if res.Name == "" {
			return nil, protocol.Errorf(protocol.InvalidRequest, "The group's name must not be empty.")
		}
		return r.DescribeGroup(img, res.Name), nil
	case ResourceClientMetrics:
		if res.Name == "" {
			return nil, errUnnamedMetrics()
		}
		return describeClientMetrics(img.ClientMetrics[res.Name]), nil
	case ResourceBrokerLogger:
		fallthrough
	default:
		return nil, protocol.Errorf(protocol.InvalidRequest, "Configs of resource type %d cannot be described.", res.Type)
	}
}
