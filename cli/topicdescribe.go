package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
)

// topicSummary is a topic in a list.
type topicSummary struct {
	Topic       string `json:"topic"`
	ID          string `json:"id,omitempty"`
	Internal    bool   `json:"internal"`
	Partitions  int    `json:"partitions"`
	Replication int    `json:"replicationFactor"`
	Leaderless  int    `json:"withoutLeader"`
	Lagging     int    `json:"underReplicated"`
}

func summaryOf(t *topic) topicSummary {
	s := topicSummary{Topic: t.name, Internal: t.internal, Partitions: len(t.partitions), Replication: t.replication()}
	if !t.id.IsZero() {
		s.ID = t.id.String()
	}
	for i := range t.partitions {
		p := &t.partitions[i]
		if p.leader < 0 {
			s.Leaderless++
		}
		if len(p.isr) < len(p.replicas) {
			s.Lagging++
		}
	}
	return s
}

func newTopicList(s *Shell) *cobra.Command {
	f := flags{shell: s}
	var internal bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List all topics",
		Long: `List all topics, with their partitions and replicas; NOTE says what is wrong with some.
Topics of the broker's own, such as __consumer_offsets, are left out without --internal.`,
		Example: `  mainstem topic list
  mainstem topic list -b kafka-1:9092,kafka-2:9092 --internal -o wide`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			topics, err := c.allTopics(cmd.Context())
			if err != nil {
				return err
			}
			list := []topicSummary{}
			hidden := 0
			for i := range topics {
				if topics[i].internal && !internal {
					hidden++
					continue
				}
				list = append(list, summaryOf(&topics[i]))
			}
			return f.show(cmd.OutOrStdout(), map[string]any{"topics": list}, func(p *printer) { p.topics(list, hidden) })
		},
	}
	c.Flags().BoolVar(&internal, "internal", false, "list the broker's own topics, too")
	f.register(c, outputTable, outputWide, outputJSON)
	return c
}

func (p *printer) topics(list []topicSummary, hidden int) {
	if len(list) == 0 {
		p.printf("there are no topics")
		if hidden > 0 {
			p.printf(" but %d of the broker's own, which --internal lists", hidden)
		}
		p.printf("\n")
		return
	}
	p.rows([]string{"TOPIC", "PARTITIONS", "REPLICAS", "NOTE"}, []string{"ID"}, len(list), func(i int) (cells, more []string) {
		t := &list[i]
		note := "-"
		switch {
		case t.Leaderless > 0:
			note = words.Counted(t.Leaderless, "partition", "partitions") + " without a leader"
		case t.Lagging > 0:
			note = words.Counted(t.Lagging, "partition", "partitions") + " with replicas that are behind"
		}
		return []string{words.Quoted(t.Topic), strconv.Itoa(t.Partitions), strconv.Itoa(t.Replication), note}, []string{orDash(t.ID)}
	})
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// topicDetail is all of a topic.
type topicDetail struct {
	Topic       string            `json:"topic"`
	ID          string            `json:"id,omitempty"`
	Internal    bool              `json:"internal"`
	Replication int               `json:"replicationFactor"`
	Partitions  []partitionDetail `json:"partitions"`
	Configs     []configDetail    `json:"configs"` // that it has of its own
}

// partitionDetail is all of a partition; what is not known is nil.
type partitionDetail struct {
	Partition int32   `json:"partition"`
	Leader    int32   `json:"leader"`
	Replicas  []int32 `json:"replicas"`
	ISR       []int32 `json:"isr"`
	Earliest  *int64  `json:"earliest"`
	Latest    *int64  `json:"latest"`
	Bytes     *int64  `json:"bytes"`
	Error     string  `json:"error,omitempty"`
}

func newTopicDescribe(s *Shell) *cobra.Command {
	f := flags{shell: s}
	c := &cobra.Command{
		Use:   "describe NAME...",
		Short: "Show the partitions of topics, their offsets and size, and their settings",
		Long: `Show topics: each partition with its leader, its replicas and which are in sync, the
first offset that is left (EARLIEST), the offset that the next record gets (LATEST) and
how much of the disk it takes. Settings are those that the topic has of its own; those of
the broker that it goes by are shown by "mainstem topic config NAME".`,
		Example: `  mainstem topic describe orders
  mainstem topic describe orders payments -o json`,
		Args:              someTopics,
		ValidArgsFunction: f.completeTopics,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withTopics(cmd.Context(), args, func(c *client, topics []topic) error {
				details, err := c.details(cmd.Context(), topics)
				if err != nil {
					return err
				}
				return f.show(cmd.OutOrStdout(), map[string]any{"topics": details}, func(p *printer) {
					for i := range details {
						if i > 0 {
							p.printf("\n")
						}
						p.topic(&details[i])
					}
				})
			})
		},
	}
	f.register(c, outputTable, outputJSON)
	return c
}

// details gathers what brokers say of topics.
func (c *client) details(ctx context.Context, topics []topic) ([]topicDetail, error) {
	earliest, err := c.offsets(ctx, topics, atEarliest, readUncommitted)
	if err != nil {
		return nil, err
	}
	latest, err := c.offsets(ctx, topics, atLatest, readUncommitted)
	if err != nil {
		return nil, err
	}
	sizes := c.sizes(ctx, topics)
	configs, err := c.configs(ctx, topics)
	if err != nil {
		return nil, err
	}
	out := make([]topicDetail, len(topics))
	for i := range topics {
		t := &topics[i]
		s := summaryOf(t)
		d := topicDetail{Topic: s.Topic, ID: s.ID, Internal: s.Internal, Replication: s.Replication, Partitions: []partitionDetail{}}
		d.Configs = ownConfigs(configs[t.name])
		for _, p := range t.partitions {
			tp := model.TopicPartition{Topic: t.name, Partition: p.number}
			x := partitionDetail{Partition: p.number, Leader: p.leader, Replicas: p.replicas, ISR: p.isr}
			first, last := earliest[tp], latest[tp]
			switch {
			case first.refused != nil:
				x.Error = first.refused.Error()
			case last.refused != nil:
				x.Error = last.refused.Error()
			default:
				x.Earliest, x.Latest = &first.offset, &last.offset
			}
			if n, ok := sizes[tp]; ok {
				x.Bytes = &n
			}
			d.Partitions = append(d.Partitions, x)
		}
		out[i] = d
	}
	return out, nil
}

// sizeText is what the partitions take together.
func (t *topicDetail) sizeText() string {
	sum, known := int64(0), false
	for i := range t.Partitions {
		if n := t.Partitions[i].Bytes; n != nil {
			sum, known = sum+*n, true
		}
	}
	if !known {
		return "-"
	}
	return words.Bytes(sum)
}

func (p *printer) topic(t *topicDetail) {
	p.printf("topic %s: %s, replication factor %d", words.Quoted(t.Topic), words.Counted(len(t.Partitions), "partition", "partitions"), t.Replication)
	if size := t.sizeText(); size != "-" {
		p.printf(", %s", size)
	}
	if t.ID != "" {
		p.printf(", id %s", t.ID)
	}
	if t.Internal {
		p.printf(", internal")
	}
	p.printf("\nsettings of its own:")
	if len(t.Configs) == 0 {
		p.printf(" none")
	}
	for _, x := range t.Configs {
		p.printf(" %s=%s", words.Shown(x.Name), valueText(&x))
	}
	p.printf("\n\n")
	p.rows([]string{"PARTITION", "LEADER", "REPLICAS", "IN SYNC", "EARLIEST", "LATEST", "SIZE"}, nil, len(t.Partitions), func(i int) (cells, more []string) {
		x := &t.Partitions[i]
		leader, size := "none", "-"
		if x.Leader >= 0 {
			leader = strconv.Itoa(int(x.Leader))
		}
		if x.Bytes != nil {
			size = words.Bytes(*x.Bytes)
		}
		return []string{
			strconv.Itoa(int(x.Partition)), leader, numberList(x.Replicas), numberList(x.ISR), offsetText(x.Earliest), offsetText(x.Latest), size,
		}, nil
	})
	for i := range t.Partitions {
		if x := &t.Partitions[i]; x.Error != "" {
			p.printf("%s\n", x.Error)
		}
	}
}

func offsetText(n *int64) string {
	if n == nil {
		return "?"
	}
	return fmt.Sprint(*n)
}
