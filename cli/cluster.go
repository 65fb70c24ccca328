package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
)

// topic is what the cluster says of one.
type topic struct {
	name       string
	id         model.TopicID
	internal   bool
	partitions []partition // by number
}

type partition struct {
	number, leader int32
	replicas, isr  []int32
	refused        error // there is no leader, for one
}

// allTopics lists those of the cluster, by name.
func (c *client) allTopics(ctx context.Context) ([]topic, error) {
	return c.metadata(ctx, nil)
}

// topics looks topics up, in the order of the names; one that there is not is an error
// that names the nearest.
func (c *client) topics(ctx context.Context, names []string) ([]topic, error) {
	found, err := c.metadata(ctx, names)
	if err != nil {
		return nil, err
	}
	out := make([]topic, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(found, func(t topic) bool { return t.name == name })
		if i < 0 {
			return nil, fmt.Errorf("the broker has not answered for topic %s", words.Quoted(name))
		}
		out = append(out, found[i])
	}
	return out, nil
}

// metadata looks topics up, all of them without names.
func (c *client) metadata(ctx context.Context, names []string) ([]topic, error) {
	resp, err := c.askMetadata(ctx, names)
	if err != nil {
		return nil, err
	}
	topics := make([]topic, 0, len(resp.Topics))
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil {
			continue
		}
		err := refused("topic "+words.Quoted(*t.Topic), t.ErrorCode, nil)
		switch {
		case err != nil && names == nil:
			continue // it was deleted meanwhile, or is not for us to see
		case t.ErrorCode == kerr.UnknownTopicOrPartition.Code:
			return nil, c.noTopic(ctx, *t.Topic)
		case err != nil && t.ErrorCode != kerr.LeaderNotAvailable.Code:
			return nil, err
		}
		topics = append(topics, topicOf(t))
	}
	slices.SortFunc(topics, func(a, b topic) int { return cmp.Compare(a.name, b.name) })
	return topics, nil
}

// knowEvery is how often a broker is asked for topics that were made.
const knowEvery = 50 * time.Millisecond

// awaitTopics waits until the broker knows topics that were made, and their leaders: one
// of Apache Kafka answers the creation before that. They come in the order of the answer.
func (c *client) awaitTopics(ctx context.Context, names []string) ([]topic, error) {
	within, cancel := c.within(ctx)
	defer cancel()
	for {
		topics, err := c.know(within, names)
		if topics != nil || err != nil {
			return topics, err
		}
		if !clock.Wait(c.clock, knowEvery, within.Done()) {
			if ctx.Err() != nil {
				return nil, c.explain(context.Cause(ctx))
			}
			return nil, fmt.Errorf("%s made, but the broker does not know all of it yet: other brokers of the cluster may be away",
				words.Counted(len(names), "topic is", "topics are"))
		}
	}
}

// know is topics if the broker knows all of them and their leaders, else nil.
func (c *client) know(ctx context.Context, names []string) ([]topic, error) {
	resp, err := c.askMetadata(ctx, names)
	if err != nil {
		return nil, err
	}
	topics := make([]topic, 0, len(resp.Topics))
	for i := range resp.Topics {
		t := &resp.Topics[i]
		switch {
		case t.Topic == nil:
			continue
		case t.ErrorCode == kerr.UnknownTopicOrPartition.Code, t.ErrorCode == kerr.LeaderNotAvailable.Code,
			slices.ContainsFunc(t.Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.Leader < 0 }):
			return nil, nil //nolint:nilnil // No topics, and no error: not yet.
		case t.ErrorCode != 0:
			return nil, refused("topic "+words.Quoted(*t.Topic), t.ErrorCode, nil)
		}
		topics = append(topics, topicOf(t))
	}
	if len(topics) < len(names) {
		return nil, nil //nolint:nilnil // As above.
	}
	return topics, nil
}

// askMetadata asks for topics, for all of them without names, and makes none.
func (c *client) askMetadata(ctx context.Context, names []string) (*kmsg.MetadataResponse, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return nil, c.explain(err)
	}
	return resp, nil
}

func topicOf(t *kmsg.MetadataResponseTopic) topic {
	out := topic{name: *t.Topic, id: t.TopicID, internal: t.IsInternal}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		var err error
		if p.Leader < 0 {
			err = refused(fmt.Sprintf("partition %s-%d", words.Quoted(out.name), p.Partition), kerr.LeaderNotAvailable.Code, nil)
		}
		out.partitions = append(out.partitions, partition{
			number: p.Partition, leader: p.Leader, replicas: p.Replicas, isr: p.ISR, refused: err,
		})
	}
	slices.SortFunc(out.partitions, func(a, b partition) int { return cmp.Compare(a.number, b.number) })
	return out
}

// noTopic says that there is no such topic, and what there is.
func (c *client) noTopic(ctx context.Context, name string) error {
	next := "; `mainstem topic list` shows all"
	if all, err := c.allTopics(ctx); err == nil {
		names := make([]string, len(all))
		for i := range all {
			names[i] = all[i].name
		}
		if near := nearest(name, names); near != "" {
			next = fmt.Sprintf("; did you mean %s?", words.Quoted(near))
		} else if len(all) == 0 {
			next = "; there are no topics yet"
		}
	}
	return unknownTopic{fmt.Errorf("there is no topic %s%s (%s)", words.Quoted(name), next, kerr.UnknownTopicOrPartition.Message)}
}

// unknownTopic says that there is no such topic.
type unknownTopic struct{ error }

// replication is how many replicas a topic's partitions have.
func (t *topic) replication() int {
	n := 0
	for i := range t.partitions {
		n = max(n, len(t.partitions[i].replicas))
	}
	return n
}

// checkTopicNames refuses what can be the name of no topic.
func checkTopicNames(names []string) error {
	for i, name := range names {
		switch {
		case name == "":
			return UsageError{fmt.Errorf("a topic's name is not empty")}
		case slices.Contains(names[:i], name):
			return UsageError{fmt.Errorf("topic %s is named twice", words.Quoted(name))}
		case name == "." || name == ".." || len(name) > 249 || strings.ContainsFunc(name, notOfTopics):
			return UsageError{fmt.Errorf("%s can not be the name of a topic: it has at most 249 letters (a-z, A-Z), digits, dots, underscores and dashes", words.Quoted(name))}
		}
	}
	return nil
}

func notOfTopics(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && r != '.' && r != '_' && r != '-'
}
