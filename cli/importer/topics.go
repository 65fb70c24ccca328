package importer

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// SourceSetting is the topic setting by which Mainstem knows a topic that is being
// imported.
const SourceSetting = "mainstem.import.source"

// copied is a topic on its way.
type copied struct {
	name    string
	source  string // what the target's setting says
	compact bool   // the source lets records go that newer ones of their key replace
	made    bool   // by this run
	parts   []*part
}

// checkTarget refuses clusters that cannot keep offsets, before anything is made.
func (im *Importer) checkTarget(ctx context.Context) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis, req.ValidateOnly = 10_000, true
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = "mainstem-import-probe", 1, 1
	t.Configs = append(t.Configs, setting(SourceSetting, "probe"))
	req.Topics = append(req.Topics, t)
	var resp *kmsg.CreateTopicsResponse
	err := im.persist(ctx, func(ctx context.Context) (err error) {
		if resp, err = req.RequestWith(ctx, im.target.Client); err != nil {
			return im.target.failed("a question about settings", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 {
		return errors.New("the target has not answered")
	}
	switch answer := &resp.Topics[0]; answer.ErrorCode {
	case kerr.InvalidConfig.Code:
		return fmt.Errorf("the target has no topic setting %s: it is not a Mainstem broker, or an older one, "+
			"and would give records offsets of its own. (MirrorMaker copies to Apache Kafka.)", SourceSetting)
	default:
		return im.target.refused("a topic", answer.ErrorCode, answer.ErrorMessage)
	}
}

func setting(name, value string) kmsg.CreateTopicsRequestTopicConfig {
	c := kmsg.NewCreateTopicsRequestTopicConfig()
	c.Name, c.Value = name, kmsg.StringPtr(value)
	return c
}

// sourceName is what a topic of the source is called on the target.
func (im *Importer) sourceName(name string) string {
	cluster, topic := im.source.id, name
	if cluster == "" {
		cluster = "unnamed"
	}
	if id := im.source.topicID(name); !id.IsZero() {
		topic = id.String()
	}
	return cluster + "/" + topic
}

// prepareTopic makes a topic of the target as the source's is, or finds the one that an
// earlier run has made.
func (im *Importer) prepareTopic(ctx context.Context, name string) (*copied, error) {
	t := &copied{name: name, source: im.sourceName(name)}
	n := im.source.topics[name].partitions
	for i := range n {
		t.parts = append(t.parts, newPart(t, i))
	}
	configs, err := im.configsOf(ctx, im.source, name)
	if err != nil {
		return nil, err
	}
	t.compact = configs.compact
	there := im.target.topics[name]
	if there == nil {
		t.made = true
		if err := im.create(ctx, t, configs); err != nil {
			return nil, err
		}
		return t, nil
	}
	old, err := im.configsOf(ctx, im.target, name)
	if err != nil {
		return nil, err
	}
	switch {
	case old.importedFrom == "":
		return nil, fmt.Errorf("the target has a topic %s that is not being imported: if it was imported, that was finished; "+
			"leave it out of --topics, or delete it there", name)
	case old.importedFrom != t.source:
		return nil, fmt.Errorf("topic %s of the target is being imported from %s, and that of this source is %s: delete it there to begin anew",
			name, old.importedFrom, t.source)
	case there.partitions > n:
		return nil, fmt.Errorf("topic %s has %d partitions at the target, and %d at the source", name, there.partitions, n)
	case there.partitions < n:
		if err := im.addPartitions(ctx, name, n); err != nil {
			return nil, err
		}
	}
	if err := im.keepConfigs(ctx, name, configs, old); err != nil {
		return nil, err
	}
	return t, im.awaitTopic(ctx, t)
}

// create makes a topic of the target.
func (im *Importer) create(ctx context.Context, t *copied, configs topicConfigs) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = t.name, int32(len(t.parts)), -1
	topic.Configs = append(topic.Configs, setting(SourceSetting, t.source))
	for _, c := range configs.own {
		topic.Configs = append(topic.Configs, setting(c.name, c.value))
	}
	req.Topics = append(req.Topics, topic)
	err := im.persist(ctx, func(ctx context.Context) error {
		resp, err := req.RequestWith(ctx, im.target.Client)
		if err != nil {
			return im.target.failed("creation of a topic", err)
		}
		if len(resp.Topics) != 1 {
			return errors.New("the target has not answered")
		}
		return im.target.refused("topic "+t.name, resp.Topics[0].ErrorCode, resp.Topics[0].ErrorMessage)
	})
	switch {
	case errors.Is(err, kerr.InvalidConfig):
		return fmt.Errorf("%w; --skip-config NAME leaves a setting out", err)
	case errors.Is(err, kerr.TopicAlreadyExists): // its answer was lost, or somebody else imports, too
		err = nil
	}
	if err != nil {
		return err
	}
	return im.awaitTopic(ctx, t)
}

// awaitTopic waits until the target knows a topic and who leads its partitions.
func (im *Importer) awaitTopic(ctx context.Context, t *copied) error {
	return im.persist(ctx, func(ctx context.Context) error {
		if err := im.target.look(ctx); err != nil {
			return err
		}
		if there := im.target.topics[t.name]; there == nil || there.partitions < int32(len(t.parts)) {
			return again{fmt.Errorf("the target does not know topic %s yet", t.name)}
		}
		for _, p := range t.parts {
			if _, err := im.target.leader(ctx, p.tp); err != nil {
				return err
			}
		}
		return nil
	})
}

func (im *Importer) addPartitions(ctx context.Context, name string, n int32) error {
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = 30_000
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = name, n
	req.Topics = append(req.Topics, topic)
	return im.persist(ctx, func(ctx context.Context) error {
		resp, err := req.RequestWith(ctx, im.target.Client)
		if err != nil {
			return im.target.failed("more partitions", err)
		}
		if len(resp.Topics) != 1 {
			return errors.New("the target has not answered")
		}
		return im.target.refused("topic "+name, resp.Topics[0].ErrorCode, resp.Topics[0].ErrorMessage)
	})
}

// partName names a partition for people.
func partName(tp model.TopicPartition) string { return fmt.Sprintf("%s-%d", tp.Topic, tp.Partition) }
