package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// completionPatience is how long somebody who pressed the tab key waits.
const completionPatience = 2 * time.Second

// completeTopics completes the names of topics.
func (f *flags) completeTopics(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return f.topicNames(cmd.Context(), args, begun), cobra.ShellCompDirectiveNoFileComp
}

// offered is what a cluster offers who pressed the tab key; nothing if no broker answers
// soon.
func (f *flags) offered(ctx context.Context, ask func(context.Context, *client) []string) []string {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	c, err := f.connect(ctx)
	if err != nil {
		return nil
	}
	defer c.Close()
	return ask(ctx, c)
}

// topicNames are those that begin so and do not stand there yet.
func (f *flags) topicNames(ctx context.Context, args []string, begun string) []string {
	return f.offered(ctx, func(ctx context.Context, c *client) (names []string) {
		all, err := c.allTopics(ctx)
		if err != nil {
			return nil
		}
		for i := range all {
			t := &all[i]
			wanted := !t.internal || begun != "" && begun[0] == '_'
			if wanted && strings.HasPrefix(t.name, begun) && !slices.Contains(args, t.name) {
				names = append(names, t.name)
			}
		}
		return names
	})
}

// completeGroups completes the name of a group.
func (f *flags) completeGroups(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	names := f.offered(cmd.Context(), func(ctx context.Context, c *client) (names []string) {
		for _, shard := range c.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
			resp, ok := shard.Resp.(*kmsg.ListGroupsResponse)
			if shard.Err != nil || !ok {
				continue
			}
			for _, g := range resp.Groups {
				if strings.HasPrefix(g.Group, begun) {
					names = append(names, g.Group)
				}
			}
		}
		slices.Sort(names)
		return names
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// complete completes a topic, set or unset, and the names of settings.
func (f *topicConfig) complete(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return f.topicNames(cmd.Context(), nil, begun), cobra.ShellCompDirectiveNoFileComp
	case len(args) == 1:
		return []string{"set", "unset"}, cobra.ShellCompDirectiveNoFileComp
	}
	names := f.offered(cmd.Context(), func(ctx context.Context, c *client) (names []string) {
		configs, err := c.configs(ctx, []topic{{name: args[0]}})
		if err != nil {
			return nil
		}
		for _, x := range configs[args[0]] {
			switch {
			case args[1] == "unset" && x.Own:
				names = append(names, x.Name)
			case args[1] == "set":
				names = append(names, x.Name+"=")
			}
		}
		return names
	})
	if args[1] == "unset" || len(names) == 0 {
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
