package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// errImpossible is a record that contradicts what came before it: the files
// were mixed up, or we wrote nonsense.
var errImpossible = errors.New("the metadata record contradicts the state before it")

// draft is the next image while it is being built. Records are the only way to
// change it, in a live change and in a replay alike, so the two cannot differ.
type draft struct {
	img        Image // topics, topicsByID and ids.collisions stand in the writers
	topics     *shardWriter[string, *Topic]
	byID       *shardWriter[model.TopicID, *Topic]
	collisions *shardWriter[string, string]
	// owned says what is the draft's own, and no other image's.
	owned struct{ nodes, groups, metrics, dropped, quotas bool }
	// anyOrder: topics come from a snapshot, in no order of partition ids.
	anyOrder bool
}

func newDraft(from *Image) *draft {
	d := &draft{
		img:        *from,
		topics:     writeShards(from.topics, stringShard),
		byID:       writeShards(from.topicsByID, topicIDShard),
		collisions: writeShards(from.ids.collisions, stringShard),
	}
	d.img.sorted = nil
	return d
}

// view is the image as it stands in the draft, for reading only until the next apply.
func (d *draft) view() *Image {
	d.img.topics, d.img.topicsByID, d.img.ids.collisions = d.topics.m, d.byID.m, d.collisions.m
	return &d.img
}

// done gives the image away; the draft must not be used again.
func (d *draft) done() *Image {
	img := *d.view()
	img.sorted = new(sortedTopics)
	return &img
}

// apply plays one record.
func (d *draft) apply(r record) error {
	if err := r.apply(d); err != nil {
		return err
	}
	d.img.Version++
	return nil
}

func (r identityRecord) apply(d *draft) error {
	if d.img.ClusterID != "" {
		return fmt.Errorf("%w: a second identity", errImpossible)
	}
	d.img.ClusterID, d.img.ids.node, d.img.Controller = r.clusterID, r.node, r.node
	d.img.ids.nextPartition = 1
	return nil
}

func (r brokerRecord) apply(d *draft) error {
	b := Broker{ID: r.id, Rack: r.rack}
	i, had := slices.BinarySearchFunc(d.img.Brokers, r.id, func(b Broker, id model.BrokerID) int {
		return int(b.ID) - int(id)
	})
	d.img.Brokers = slices.Clone(d.img.Brokers)
	if had {
		d.img.Brokers[i] = b
	} else {
		d.img.Brokers = slices.Insert(d.img.Brokers, i, b)
	}
	return nil
}

func (r topicRecord) apply(d *draft) error {
	if _, had := d.topics.get(r.name); had {
		return fmt.Errorf("%w: topic %s exists already", errImpossible, r.name)
	}
	if _, had := d.byID.get(r.id); had {
		return fmt.Errorf("%w: topic id %s exists already", errImpossible, r.id)
	}
	if err := d.take(r.runs); err != nil {
		return fmt.Errorf("topic %s: %w", r.name, err)
	}
	d.put(&Topic{
		Name: r.name, ID: r.id, Internal: r.internal, Configs: r.configs, Partitions: appendRuns(nil, r.runs),
	})
	if hasCollisionChars(r.name) {
		d.collisions.set(collisionKey(r.name), r.name)
	}
	return nil
}

func (d *draft) put(t *Topic) {
	d.topics.set(t.Name, t)
	d.byID.set(t.ID, t)
}

// take marks partition ids as given. In a journal they come in ascending
// order; in a snapshot topics come in any order, below the mark set first.
func (d *draft) take(runs []run) error {
	for _, r := range runs {
		if r.first < d.img.ids.nextPartition {
			if d.anyOrder {
				continue
			}
			return fmt.Errorf("%w: partition id %d was given before", errImpossible, r.first)
		}
		d.img.ids.nextPartition = r.last() + 1
	}
	return nil
}

func (r partitionsRecord) apply(d *draft) error {
	old, ok := d.byID.get(r.id)
	if !ok {
		return fmt.Errorf("%w: partitions for the unknown topic id %s", errImpossible, r.id)
	}
	if err := d.take(r.runs); err != nil {
		return fmt.Errorf("topic %s: %w", old.Name, err)
	}
	d.put(&Topic{
		Name: old.Name, ID: old.ID, Internal: old.Internal, Configs: old.Configs,
		Partitions: appendRuns(old.Partitions, r.runs),
	})
	return nil
}

func (r topicDeletedRecord) apply(d *draft) error {
	t, ok := d.byID.get(r.id)
	if !ok {
		return fmt.Errorf("%w: deletion of the unknown topic id %s", errImpossible, r.id)
	}
	if !d.owned.dropped {
		d.img.ids.dropped, d.owned.dropped = slices.Clone(d.img.ids.dropped), true
	}
	for _, run := range toRuns(t.Partitions) {
		d.img.ids.dropped = d.img.ids.dropped.with(idRange{run.first, run.last()})
	}
	d.topics.remove(t.Name)
	d.byID.remove(t.ID)
	if hasCollisionChars(t.Name) {
		d.collisions.remove(collisionKey(t.Name))
	}
	return nil
}

func (r producerIDsRecord) apply(d *draft) error {
	if r.next < d.img.ids.nextProducer {
		return fmt.Errorf("%w: producer ids may not go back from %d to %d", errImpossible, d.img.ids.nextProducer, r.next)
	}
	d.img.ids.nextProducer = r.next
	return nil
}

func (r partitionIDsRecord) apply(d *draft) error {
	d.img.ids.nextPartition, d.img.ids.dropped, d.owned.dropped = r.next, r.dropped, false
	return nil
}

func (snapshotEndRecord) apply(*draft) error { return nil }

func (r configsRecord) apply(d *draft) error {
	switch r.resource.Type {
	case ResourceTopic:
		t, ok := d.topics.get(r.resource.Name)
		if !ok {
			return fmt.Errorf("%w: configs for the unknown topic %s", errImpossible, r.resource.Name)
		}
		d.put(&Topic{
			Name: t.Name, ID: t.ID, Internal: t.Internal, Partitions: t.Partitions,
			Configs: changed(t.Configs, r.changes),
		})
	case ResourceBroker:
		d.img.ids.configEpoch = d.img.Version + 1
		if r.resource.Name == "" {
			d.img.BrokerConfigs = changed(d.img.BrokerConfigs, r.changes)
			return nil
		}
		id, err := parseBroker(r.resource.Name)
		if err != nil {
			return err
		}
		own(&d.img.NodeConfigs, &d.owned.nodes)
		put(d.img.NodeConfigs, id, changed(d.img.NodeConfigs[id], r.changes))
	case ResourceGroup:
		own(&d.img.GroupConfigs, &d.owned.groups)
		put(d.img.GroupConfigs, r.resource.Name, changed(d.img.GroupConfigs[r.resource.Name], r.changes))
	case ResourceClientMetrics:
		d.img.MetricsEpoch = d.img.Version + 1
		own(&d.img.ClientMetrics, &d.owned.metrics)
		put(d.img.ClientMetrics, r.resource.Name, changed(d.img.ClientMetrics[r.resource.Name], r.changes))
	case ResourceBrokerLogger:
		return fmt.Errorf("%w: configs of resource type %d", errImpossible, r.resource.Type)
	default:
		return fmt.Errorf("configs of the unknown resource type %d: %w", r.resource.Type, ErrNewerFormat)
	}
	return nil
}

// changed returns a copy of m with the changes; nil if nothing is left.
func changed(m map[string]string, changes []ConfigChange) map[string]string {
	out := maps.Clone(m)
	if out == nil {
		out = make(map[string]string, len(changes))
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(out, c.Key)
			continue
		}
		out[c.Key] = *c.Value
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// own makes *m the draft's own copy, once.
func own[K comparable, V any](m *map[K]V, owned *bool) {
	if *owned {
		return
	}
	*m = maps.Clone(*m)
	if *m == nil {
		*m = make(map[K]V)
	}
	*owned = true
}

// put sets a resource's configs, or forgets the resource that has none.
func put[K comparable](m map[K]map[string]string, k K, v map[string]string) {
	if v == nil {
		delete(m, k)
		return
	}
	m[k] = v
}
