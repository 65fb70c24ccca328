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

const topicLong = `Create topics, look at them, delete them, change their settings.

The commands speak Kafka's protocol: they work with every Kafka broker, a running one of
this program's (on localhost:9092 by default) or any other.`

func newTopic(s *Shell) *cobra.Command {
	c := &cobra.Command{Use: "topic", Short: "Create, list, describe, configure or delete topics", Long: topicLong, Args: cobra.NoArgs, RunE: help}
	c.AddCommand(newTopicCreate(s), newTopicList(s), newTopicDescribe(s), newTopicConfig(s), newTopicDelete(s))
	return c
}

// someTopics takes the names of topics as arguments.
func someTopics(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return UsageError{fmt.Errorf("which topic? %s NAME...; `mainstem topic list` shows all", c.CommandPath())}
	}
	return checkTopicNames(args)
}

const topicCreateLong = `Create topics. Without --partitions and --replication-factor they have what the broker
has as its default (num.partitions, default.replication.factor). --config gives them
settings of their own; "mainstem topic config NAME --all" shows which there are.`

// topicCreate is the command's flags.
type topicCreate struct {
	flags

	partitions  int32
	replication int16
	configs     []string
	ifNotExists bool
}

func newTopicCreate(s *Shell) *cobra.Command {
	f := topicCreate{flags: flags{shell: s}}
	c := &cobra.Command{
		Use:   "create NAME...",
		Short: "Create topics",
		Long:  topicCreateLong,
		Example: `  mainstem topic create orders --partitions 6
  mainstem topic create prices --config cleanup.policy=compact --if-not-exists`,
		Args:              someTopics,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              f.run,
	}
	c.Flags().Int32Var(&f.partitions, "partitions", -1, "`NUMBER` of partitions; -1: the broker's default")
	c.Flags().Int16Var(&f.replication, "replication-factor", -1, "`NUMBER` of replicas of each partition; -1: the broker's default")
	c.Flags().StringArrayVar(&f.configs, "config", nil, "a setting of the topics, as `KEY=VALUE`; may be repeated")
	c.Flags().BoolVar(&f.ifNotExists, "if-not-exists", false, "leave a topic that there is already as it is, without an error")
	f.register(c, outputTable, outputJSON)
	return c
}

// createdTopic is one line of what create says.
type createdTopic struct {
	Topic       string `json:"topic"`
	Created     bool   `json:"created"`
	Partitions  int32  `json:"partitions,omitempty"`
	Replication int16  `json:"replicationFactor,omitempty"`
}

func (f *topicCreate) run(cmd *cobra.Command, args []string) error {
	if f.partitions == 0 || f.partitions < -1 || f.replication == 0 || f.replication < -1 {
		return UsageError{errors.New("--partitions and --replication-factor are at least 1, or -1 for the broker's default")}
	}
	configs, err := keyValues("--config", f.configs)
	if err != nil {
		return err
	}
	c, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	resp, err := f.request(cmd.Context(), c, args, configs)
	if err != nil {
		return err
	}
	done, failed := f.answers(args, resp)
	if len(done) > 0 {
		names := make([]string, len(done))
		for i := range done {
			names[i] = done[i].Topic
		}
		_, late := c.awaitTopics(cmd.Context(), names)
		failed = append(failed, late, f.show(cmd.OutOrStdout(), map[string]any{"topics": done}, func(p *printer) {
			for _, t := range done {
				p.created(t)
			}
		}))
	}
	return errors.Join(failed...)
}

// request creates topics.
func (f *topicCreate) request(ctx context.Context, c *client, names []string, configs []keyValue) (*kmsg.CreateTopicsResponse, error) {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(min(f.timeout.Milliseconds(), 1<<30))
	for _, name := range names {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, f.partitions, f.replication
		for _, kv := range configs {
			setting := kmsg.NewCreateTopicsRequestTopicConfig()
			setting.Name, setting.Value = kv.key, kmsg.StringPtr(kv.value)
			t.Configs = append(t.Configs, setting)
		}
		req.Topics = append(req.Topics, t)
	}
	ctx, cancel := c.within(ctx)
	defer cancel()
	resp, err := req.RequestWith(ctx, c)
	return resp, c.explain(err)
}

func (p *printer) created(t createdTopic) {
	switch {
	case !t.Created:
		p.printf("topic %s is there already\n", t.Topic)
	case t.Partitions <= 0: // a broker from before Kafka 2.4 does not say
		p.printf("topic %s is created\n", t.Topic)
	default:
		p.printf("topic %s is created: %s, replication factor %d\n", t.Topic, words.Counted(t.Partitions, "partition", "partitions"), t.Replication)
	}
}

// answers tells the topics that are there now from those that are not.
func (f *topicCreate) answers(names []string, resp *kmsg.CreateTopicsResponse) (done []createdTopic, failed []error) {
	for _, name := range names {
		i := slices.IndexFunc(resp.Topics, func(t kmsg.CreateTopicsResponseTopic) bool { return t.Topic == name })
		if i < 0 {
			failed = append(failed, fmt.Errorf("the broker has not answered for topic %s", name))
			continue
		}
		t := &resp.Topics[i]
		err := refused("topic "+name, t.ErrorCode, t.ErrorMessage)
		switch {
		case err == nil:
			done = append(done, createdTopic{Topic: name, Created: true, Partitions: t.NumPartitions, Replication: t.ReplicationFactor})
		case errors.Is(err, kerr.TopicAlreadyExists) && f.ifNotExists:
			done = append(done, createdTopic{Topic: name})
		case errors.Is(err, kerr.TopicAlreadyExists):
			failed = append(failed, fmt.Errorf("%w; --if-not-exists takes it as it is", err))
		default:
			failed = append(failed, err)
		}
	}
	return done, failed
}

// keyValue is a setting, or a header.
type keyValue struct{ key, value string }

// keyValues takes words of the form KEY=VALUE apart.
func keyValues(flag string, args []string) ([]keyValue, error) {
	out := make([]keyValue, 0, len(args))
	for _, w := range args {
		key, value, ok := strings.Cut(w, "=")
		if !ok || key == "" {
			return nil, UsageError{fmt.Errorf("%s %s: write it as KEY=VALUE", flag, words.Quoted(w))}
		}
		out = append(out, keyValue{key, value})
	}
	return out, nil
}

const topicDeleteLong = `Delete topics, with all of their records. It shows what would be gone, and asks before
it does it.`

func newTopicDelete(s *Shell) *cobra.Command {
	f := flags{shell: s}
	var yes bool
	c := &cobra.Command{
		Use:   "delete NAME...",
		Short: "Delete topics and their records",
		Long:  topicDeleteLong,
		Example: `  mainstem topic delete orders
  mainstem topic delete orders payments --yes`,
		Args:              someTopics,
		ValidArgsFunction: f.completeTopics,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withTopics(cmd.Context(), args, func(c *client, topics []topic) error {
				if !yes {
					details, err := c.details(cmd.Context(), topics)
					if err != nil {
						return err
					}
					p := &printer{out: cmd.ErrOrStderr()}
					p.doomed(details)
					if p.err != nil {
						return written(0, p.err)
					}
					if err := s.Confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr()); err != nil {
						return err
					}
				}
				return f.deleteTopics(cmd, c, topics)
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	f.register(c, outputTable, outputJSON)
	return c
}

// doomed shows what deleting topics takes away.
func (p *printer) doomed(topics []topicDetail) {
	p.rows([]string{"TOPIC", "PARTITIONS", "RECORDS", "SIZE"}, nil, len(topics), func(i int) (cells, more []string) {
		t := &topics[i]
		records := int64(0)
		for _, x := range t.Partitions {
			if x.Earliest != nil && x.Latest != nil {
				records += *x.Latest - *x.Earliest
			}
		}
		return []string{words.Quoted(t.Topic), fmt.Sprint(len(t.Partitions)), "at most " + fmt.Sprint(records), t.sizeText()}, nil
	})
}

// deletedTopic is one line of what delete says.
type deletedTopic struct {
	Topic   string `json:"topic"`
	Deleted bool   `json:"deleted"`
}

// requestDeletion deletes topics by name, as also old brokers do. What was begun is
// brought to its end, also after ctrl-C.
func (f *flags) requestDeletion(ctx context.Context, c *client, names []string) (*kmsg.DeleteTopicsResponse, error) {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = int32(min(f.timeout.Milliseconds(), 1<<30))
	for _, name := range names {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics, req.TopicNames = append(req.Topics, t), append(req.TopicNames, name)
	}
	ctx, cancel := c.within(context.WithoutCancel(ctx))
	defer cancel()
	resp, err := req.RequestWith(ctx, c)
	return resp, c.explain(err)
}

// deleteTopics deletes the topics that were looked up.
func (f *flags) deleteTopics(cmd *cobra.Command, c *client, topics []topic) error {
	names := make([]string, len(topics))
	for i := range topics {
		names[i] = topics[i].name
	}
	resp, err := f.requestDeletion(cmd.Context(), c, names)
	if err != nil {
		return err
	}
	var failed []error
	var done []deletedTopic
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil {
			continue
		}
		if err := refused("topic "+words.Quoted(*t.Topic), t.ErrorCode, t.ErrorMessage); err != nil {
			failed = append(failed, err)
			continue
		}
		done = append(done, deletedTopic{*t.Topic, true})
	}
	if len(done) > 0 {
		failed = append(failed, f.show(cmd.OutOrStdout(), map[string]any{"topics": done}, func(p *printer) {
			for _, t := range done {
				p.printf("topic %s is deleted\n", words.Quoted(t.Topic))
			}
		}))
	}
	return errors.Join(failed...)
}
