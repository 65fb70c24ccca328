package importer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicConfig is a setting that a topic has of its own.
type topicConfig struct{ name, value string }

// topicConfigs are those of a topic that matter here.
type topicConfigs struct {
	own          []topicConfig // but for those that are not to be copied
	compact      bool          // cleanup.policy, wherever that was set
	importedFrom string
}

// configsOf asks for the settings of a topic.
func (im *Importer) configsOf(ctx context.Context, s *side, name string) (out topicConfigs, err error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, name
	req.Resources = append(req.Resources, r)
	err = im.persist(ctx, func(ctx context.Context) error {
		resp, err := req.RequestWith(ctx, s.Client)
		if err != nil {
			return s.failed("settings", err)
		}
		if len(resp.Resources) != 1 {
			return errors.New("the " + s.name + " has not answered for the settings of " + name)
		}
		answer := &resp.Resources[0]
		if err := s.refused("settings of topic "+name, answer.ErrorCode, answer.ErrorMessage); err != nil {
			return err
		}
		out = topicConfigs{}
		for i := range answer.Configs {
			out.take(&answer.Configs[i], resp.Version, im.cfg.Skip)
		}
		return nil
	})
	return out, err
}

// take takes one setting.
func (t *topicConfigs) take(c *kmsg.DescribeConfigsResponseResourceConfig, version int16, skip []string) {
	if c.Value == nil {
		return
	}
	if c.Name == "cleanup.policy" {
		t.compact = strings.Contains(*c.Value, "compact")
	}
	own := c.Source == kmsg.ConfigSourceDynamicTopicConfig
	if version == 0 {
		own = !c.IsDefault
	}
	switch {
	case c.Name == SourceSetting:
		t.importedFrom = *c.Value
	case !own, slices.Contains(skip, c.Name),
		strings.HasSuffix(c.Name, ".replication.throttled.replicas"): // they speak of the source's brokers
	default:
		t.own = append(t.own, topicConfig{c.Name, *c.Value})
	}
}

// keepConfigs has a topic of the target follow the settings of the source.
func (im *Importer) keepConfigs(ctx context.Context, name string, want, have topicConfigs) error {
	r := alteration(name)
	for _, c := range want.own {
		if !slices.Contains(have.own, c) {
			r.Configs = append(r.Configs, change(c.name, &c.value))
		}
	}
	for _, c := range have.own {
		if !slices.ContainsFunc(want.own, func(w topicConfig) bool { return w.name == c.name }) {
			r.Configs = append(r.Configs, change(c.name, nil))
		}
	}
	if len(r.Configs) == 0 {
		return nil
	}
	return im.alter(ctx, []kmsg.IncrementalAlterConfigsRequestResource{r})
}

func alteration(topic string) kmsg.IncrementalAlterConfigsRequestResource {
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	return r
}

// change sets a setting, or takes it away.
func change(name string, value *string) kmsg.IncrementalAlterConfigsRequestResourceConfig {
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value, c.Op = name, value, kmsg.IncrementalAlterConfigOpSet
	if value == nil {
		c.Op = kmsg.IncrementalAlterConfigOpDelete
	}
	return c
}

// alter changes settings of topics of the target.
func (im *Importer) alter(ctx context.Context, all []kmsg.IncrementalAlterConfigsRequestResource) error {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = all
	return im.persist(ctx, func(ctx context.Context) error {
		resp, err := req.RequestWith(ctx, im.target.Client)
		if err != nil {
			return im.target.failed("settings", err)
		}
		for i := range resp.Resources {
			r := &resp.Resources[i]
			if err := im.target.refused("settings of topic "+r.ResourceName, r.ErrorCode, r.ErrorMessage); err != nil {
				return err
			}
		}
		return nil
	})
}
