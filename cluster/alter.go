package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/protocol"
)

// AlterOp is what an Alteration does; the numbers are IncrementalAlterConfigs'.
type AlterOp int8

// The operations.
const (
	OpSet      AlterOp = 0
	OpDelete   AlterOp = 1
	OpAppend   AlterOp = 2 // to a list
	OpSubtract AlterOp = 3 // from a list
)

// Alteration is one change as a client asks for it.
type Alteration struct {
	Key   string
	Op    AlterOp
	Value *string
}

// PlanIncremental turns what a client asks of IncrementalAlterConfigs into
// changes for Metadata.AlterConfigs, or says what is wrong with it.
func (r *Resolver) PlanIncremental(img *Image, res Resource, ops []Alteration) ([]ConfigChange, error) {
	f, err := r.family(img, res)
	if err != nil {
		return nil, err
	}
	after := maps.Clone(f.current)
	if after == nil {
		after = make(map[string]string)
	}
	changes := make([]ConfigChange, 0, len(ops))
	seen := make(map[string]bool, len(ops))
	for _, op := range ops {
		if seen[op.Key] {
			return nil, protocol.Errorf(protocol.InvalidRequest, "The config %s is named twice in one request.", op.Key)
		}
		seen[op.Key] = true
		if op.Value == nil && op.Op != OpDelete {
			return nil, protocol.Errorf(protocol.InvalidRequest, "The config %s is given a null value; delete it instead.", op.Key)
		}
		c, err := planOne(f, op)
		if err != nil {
			return nil, err
		}
		if _, set := after[op.Key]; c.Value == nil && !set {
			continue // Nothing to take away.
		}
		changes = append(changes, c)
		if c.Value == nil {
			delete(after, op.Key)
		} else {
			after[op.Key] = *c.Value
		}
	}
	return changes, f.validate(after, changes)
}

// PlanReplace turns what a client asks of the older AlterConfigs, which is the
// whole set of configs, into changes.
func (r *Resolver) PlanReplace(img *Image, res Resource, configs map[string]string) ([]ConfigChange, error) {
	f, err := r.family(img, res)
	if err != nil {
		return nil, err
	}
	var changes []ConfigChange
	for _, k := range slices.Sorted(maps.Keys(f.current)) {
		if _, stays := configs[k]; !stays {
			changes = append(changes, ConfigChange{Key: k})
		}
	}
	changes = append(changes, settingAll(configs)...)
	return changes, f.validate(configs, changes)
}

// family is what planning needs to know of a kind of resource.
type family struct {
	defs    *defSet
	current map[string]string
	// validate checks the values as they would stand, and that each change is allowed.
	validate func(after map[string]string, changes []ConfigChange) error
	// lookup is the effective value of a setting.
	lookup func(d *ConfigDef) string
}

func (r *Resolver) family(img *Image, res Resource) (family, error) {
	if err := checkResource(img, res); err != nil {
		return family{}, err
	}
	switch res.Type {
	case ResourceTopic:
		t, _ := img.Topic(res.Name)
		return family{
			defs: topicDefs(), current: t.Configs,
			validate: func(after map[string]string, changes []ConfigChange) error {
				if err := topicDefs().known("topic", changes); err != nil {
					return err
				}
				if err := staysCompacted(t, after, changes); err != nil {
					return err
				}
				if err := beginsNoImport(t, after); err != nil {
					return err
				}
				return r.validateTopicChange(after, t.Configs)
			},
			lookup: func(d *ConfigDef) string {
				v, _ := effective(d, r.topicChain(img, t.Configs, d))
				return v
			},
		}, nil
	case ResourceGroup:
		current := img.GroupConfigs[res.Name]
		return family{
			defs: groupDefs(), current: current,
			validate: func(after map[string]string, changes []ConfigChange) error {
				if err := groupDefs().known("group", changes); err != nil {
					return err
				}
				return r.ValidateGroupConfigs(img, after)
			},
			lookup: func(d *ConfigDef) string {
				v, _ := effective(d, r.groupChain(img, current, d))
				return v
			},
		}, nil
	case ResourceBroker:
		return r.brokerFamily(img, res.Name), nil
	case ResourceClientMetrics:
		return clientMetricsFamily(img.ClientMetrics[res.Name]), nil
	case ResourceBrokerLogger:
	}
	return family{}, protocol.Errorf(protocol.InvalidRequest, "Configs of resource type %d cannot be changed.", res.Type)
}

func (r *Resolver) brokerFamily(img *Image, name string) family {
	current := img.BrokerConfigs
	if id, err := parseBroker(name); err == nil {
		current = img.NodeConfigs[id]
	}
	return family{
		defs: brokerDefs(), current: current,
		// What is only taken away needs to be allowed, not valid.
		validate: func(_ map[string]string, changes []ConfigChange) error {
			if err := brokerDefs().known("broker", changes); err != nil {
				return err
			}
			set := make(map[string]string)
			for _, c := range changes {
				if c.Value != nil {
					set[c.Key] = *c.Value
				}
			}
			return r.ValidateBrokerConfigs(set)
		},
		lookup: func(d *ConfigDef) string { return r.Text(img, d.Name) },
	}
}

// staysCompacted refuses to let the records of an internal topic expire: they
// are the state of its coordinator, which would be gone with the next start.
func staysCompacted(t *Topic, after map[string]string, changes []ConfigChange) error {
	const key = "cleanup.policy"
	touched := slices.ContainsFunc(changes, func(c ConfigChange) bool { return c.Key == key })
	if !t.Internal || !touched || slices.Equal(ParseList(after[key]), []string{"compact"}) {
		return nil
	}
	return protocol.Errorf(protocol.InvalidConfig, "The cleanup.policy of %s stays compact: committed state is in it, "+
		"and would be lost if records were deleted by age or size; set the other configs without it, or beside cleanup.policy=compact.", t.Name)
}

// beginsNoImport refuses to have a topic be imported that was not made for it: it may
// have records of its own.
func beginsNoImport(t *Topic, after map[string]string) error {
	if source, ok := after[ImportSourceKey]; !ok || source == t.Configs[ImportSourceKey] {
		return nil
	}
	return protocol.Errorf(protocol.InvalidConfig, "The config %s can only be given when a topic is made, and be deleted later: "+
		"topic %s may have records of its own.", ImportSourceKey, t.Name)
}

// known refuses to set what does not exist. Deleting it is no mistake: tools
// clear what a newer or older Kafka has.
func (s *defSet) known(noun string, changes []ConfigChange) error {
	for _, c := range changes {
		if _, ok := s.byName[c.Key]; !ok && c.Value != nil && (noun != "broker" || !isMeaningless(c.Key)) {
			return protocol.Errorf(protocol.InvalidConfig, "%s",
				sentence(fmt.Sprintf("unknown %s config %q%s", noun, c.Key, didYouMean(c.Key, s.names()))))
		}
	}
	return nil
}

// planOne computes the new value of one setting.
func planOne(f family, op Alteration) (ConfigChange, error) {
	switch op.Op {
	case OpSet:
		return ConfigChange{Key: op.Key, Value: op.Value}, nil
	case OpDelete:
		return ConfigChange{Key: op.Key}, nil
	case OpAppend, OpSubtract:
	default:
		return ConfigChange{}, protocol.Errorf(protocol.InvalidRequest, "Unknown config operation %d.", op.Op)
	}
	d, ok := f.defs.byName[op.Key]
	if !ok || d.Rule.Type != TypeList {
		return ConfigChange{}, protocol.Errorf(protocol.InvalidConfig,
			"The config %s is not a list, so nothing can be appended to it or subtracted from it; set it.", op.Key)
	}
	old, ok := f.current[op.Key]
	if !ok {
		old = f.lookup(d)
	}
	elements := ParseList(old)
	for _, e := range ParseList(*op.Value) {
		has := slices.Contains(elements, e)
		switch {
		case op.Op == OpAppend && !has:
			elements = append(elements, e)
		case op.Op == OpSubtract && has:
			elements = slices.DeleteFunc(elements, func(x string) bool { return x == e })
		}
	}
	value := strings.Join(elements, ",")
	return ConfigChange{Key: op.Key, Value: &value}, nil
}
