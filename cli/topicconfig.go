package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/words"
)

// configDetail is one setting of a topic.
type configDetail struct {
	Name      string  `json:"name"`
	Value     *string `json:"value"` // nil: it is a secret
	Source    string  `json:"source"`
	Doc       string  `json:"documentation,omitempty"`
	Own       bool    `json:"own"`
	isDefault bool
}

// configs asks for all settings of topics, by topic.
func (c *client) configs(ctx context.Context, topics []topic) (map[string][]configDetail, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.IncludeDocumentation = true
	for i := range topics {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topics[i].name
		req.Resources = append(req.Resources, r)
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return nil, c.explain(err)
	}
	out := map[string][]configDetail{}
	for i := range resp.Resources {
		r := &resp.Resources[i]
		if err := refused("settings of topic "+words.Quoted(r.ResourceName), r.ErrorCode, r.ErrorMessage); err != nil {
			return nil, err
		}
		for j := range r.Configs {
			x := &r.Configs[j]
			d := configDetail{Name: x.Name, Value: x.Value, Source: sourceText(x.Source), Own: x.Source == kmsg.ConfigSourceDynamicTopicConfig}
			d.isDefault = x.IsDefault || x.Source == kmsg.ConfigSourceDefaultConfig
			if x.Documentation != nil {
				d.Doc = *x.Documentation
			}
			if x.IsSensitive {
				d.Value = nil
			}
			out[r.ResourceName] = append(out[r.ResourceName], d)
		}
		slices.SortFunc(out[r.ResourceName], func(a, b configDetail) int { return strings.Compare(a.Name, b.Name) })
	}
	return out, nil
}

// sourceText says where a value comes from.
func sourceText(source kmsg.ConfigSource) string {
	switch source {
	case kmsg.ConfigSourceDynamicTopicConfig:
		return "topic"
	case kmsg.ConfigSourceDynamicBrokerConfig, kmsg.ConfigSourceStaticBrokerConfig:
		return "broker"
	case kmsg.ConfigSourceDynamicDefaultBrokerConfig:
		return "all brokers"
	case kmsg.ConfigSourceDefaultConfig:
		return "default"
	default: // a topic's have no other
	}
	return strings.ToLower(source.String())
}

func ownConfigs(all []configDetail) []configDetail {
	return slices.DeleteFunc(slices.Clone(all), func(x configDetail) bool { return !x.Own })
}

func valueText(x *configDetail) string {
	if x.Value == nil {
		return "(secret)"
	}
	return words.Shown(*x.Value)
}

const topicConfigLong = `Show or change the settings of a topic. It shows those that are not at their default,
and who gave them their value: the topic itself, or the broker for all its topics.
With --all it shows every setting there is; -o json has their documentation, too.

"set" gives the topic settings of its own, "unset" takes them away, so that it goes by
the broker's again. Other settings stay as they are.`

// topicConfig is the command's flags.
type topicConfig struct {
	flags

	all bool
}

func newTopicConfig(s *Shell) *cobra.Command {
	f := topicConfig{flags: flags{shell: s}}
	c := &cobra.Command{
		Use:   "config NAME [set KEY=VALUE... | unset KEY...]",
		Short: "Show or change the settings of a topic",
		Long:  topicConfigLong,
		Example: `  mainstem topic config orders
  mainstem topic config orders set retention.ms=86400000 compression.type=zstd
  mainstem topic config orders unset retention.ms`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return UsageError{fmt.Errorf("which topic? %s NAME; `mainstem topic list` shows all", c.CommandPath())}
			case len(args) > 1 && args[1] != "set" && args[1] != "unset":
				return UsageError{fmt.Errorf("%s %s: one topic at a time, and behind it `set KEY=VALUE...`, `unset KEY...` or nothing", c.CommandPath(), strings.Join(args, " "))}
			case len(args) == 2 && args[1] == "set":
				return UsageError{fmt.Errorf("set what? %s %s set KEY=VALUE", c.CommandPath(), args[0])}
			case len(args) == 2:
				return UsageError{fmt.Errorf("unset what? %s %s unset KEY", c.CommandPath(), args[0])}
			}
			return checkTopicNames(args[:1])
		},
		ValidArgsFunction: f.complete,
		RunE:              f.run,
	}
	c.Flags().BoolVar(&f.all, "all", false, "show also what is at its default")
	f.register(c, outputTable, outputWide, outputJSON)
	return c
}

func (f *topicConfig) run(cmd *cobra.Command, args []string) error {
	changes, err := changesOf(args)
	if err != nil {
		return err
	}
	return f.withTopics(cmd.Context(), args[:1], func(c *client, topics []topic) error {
		if len(changes) > 0 {
			if err := c.alter(cmd.Context(), &topics[0], changes); err != nil {
				return err
			}
		}
		configs, err := c.configs(cmd.Context(), topics)
		if err != nil {
			return err
		}
		list := []configDetail{}
		for _, x := range configs[args[0]] {
			changed := slices.ContainsFunc(changes, func(k kmsg.IncrementalAlterConfigsRequestResourceConfig) bool { return k.Name == x.Name })
			if changed || len(changes) == 0 && (f.all || !x.isDefault) {
				list = append(list, x)
			}
		}
		return f.show(cmd.OutOrStdout(), map[string]any{"topic": args[0], "configs": list}, func(p *printer) {
			if len(list) == 0 {
				p.printf("all settings of topic %s are at their default (--all shows them)\n", words.Quoted(args[0]))
				return
			}
			p.configs(list)
		})
	})
}

func (p *printer) configs(list []configDetail) {
	p.rows([]string{"SETTING", "VALUE", "FROM"}, []string{"DOCUMENTATION"}, len(list), func(i int) (cells, more []string) {
		x := &list[i]
		value := valueText(x)
		if value == "" {
			value = `""`
		}
		return []string{words.Shown(x.Name), value, x.Source}, []string{orDash(words.Shown(x.Doc))}
	})
}

// changesOf reads what is to be changed; nothing if it is only shown.
func changesOf(args []string) ([]kmsg.IncrementalAlterConfigsRequestResourceConfig, error) {
	if len(args) < 3 {
		return nil, nil
	}
	changes := make([]keyValue, 0, len(args)-2)
	op := kmsg.IncrementalAlterConfigOpSet
	if args[1] == "set" {
		set, err := keyValues("set", args[2:])
		if err != nil {
			return nil, err
		}
		changes = set
	} else {
		op = kmsg.IncrementalAlterConfigOpDelete
		for _, key := range args[2:] {
			if strings.Contains(key, "=") {
				return nil, UsageError{fmt.Errorf("unset %s: write the name of the setting alone", words.Quoted(key))}
			}
			changes = append(changes, keyValue{key: key})
		}
	}
	out := make([]kmsg.IncrementalAlterConfigsRequestResourceConfig, 0, len(changes))
	for i, w := range changes {
		if slices.ContainsFunc(changes[:i], func(x keyValue) bool { return x.key == w.key }) {
			return nil, UsageError{fmt.Errorf("%s is given twice", words.Quoted(w.key))}
		}
		x := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		x.Name, x.Op = w.key, op
		if op == kmsg.IncrementalAlterConfigOpSet {
			x.Value = kmsg.StringPtr(w.value)
		}
		out = append(out, x)
	}
	return out, nil
}

// alter changes settings of a topic, all or none of them.
func (c *client) alter(ctx context.Context, t *topic, changes []kmsg.IncrementalAlterConfigsRequestResourceConfig) error {
	if err := c.knownConfigs(ctx, t, changes); err != nil {
		return err
	}
	ctx, cancel := c.within(ctx)
	defer cancel()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.Configs = kmsg.ConfigResourceTypeTopic, t.name, changes
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return c.explain(err)
	}
	if len(resp.Resources) != 1 {
		return fmt.Errorf("the broker has not answered for topic %s", words.Quoted(t.name))
	}
	return refused("topic "+words.Quoted(t.name), resp.Resources[0].ErrorCode, resp.Resources[0].ErrorMessage)
}

// knownConfigs refuses names that no setting has: a broker may take an unknown one to be
// unset without a word.
func (c *client) knownConfigs(ctx context.Context, t *topic, changes []kmsg.IncrementalAlterConfigsRequestResourceConfig) error {
	configs, err := c.configs(ctx, []topic{*t})
	if err != nil {
		if errors.Is(err, kerr.TopicAuthorizationFailed) {
			return nil // who may change a setting need not be allowed to see it
		}
		return err
	}
	names := make([]string, len(configs[t.name]))
	for i, x := range configs[t.name] {
		names[i] = x.Name
	}
	for _, x := range changes {
		if slices.Contains(names, x.Name) {
			continue
		}
		next := fmt.Sprintf("; `mainstem topic config %s --all` shows all", words.Quoted(t.name))
		if near := nearest(x.Name, names); near != "" {
			next = fmt.Sprintf("; did you mean %s?", near)
		}
		return fmt.Errorf("topics have no setting %s%s (%s)", words.Quoted(x.Name), next, kerr.InvalidConfig.Message)
	}
	return nil
}
