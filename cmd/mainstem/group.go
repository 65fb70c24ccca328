package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/server"
)

const groupLong = `Look at the consumer groups of a running broker: how far behind they are, who is
in them, what holds them up; move what they have committed, or delete them.

The commands speak to the broker's HTTP port, which serves its own machine only:
run them there, or come through a tunnel (ssh -L 9644:127.0.0.1:9644 HOST).`

func newGroup(p process) *cobra.Command {
	c := &cobra.Command{Use: "group", Short: "Look at consumer groups, rewind, reset or delete them", Long: groupLong, Args: cobra.NoArgs, RunE: help}
	c.AddCommand(newGroupList(p), newGroupDescribe(p), newGroupWhy(p), newGroupReset(p), newGroupRewind(p),
		newGroupSkip(p), newGroupDelete(p))
	return c
}

// groupFlags are those of every verb.
type groupFlags struct {
	http   given
	output string
}

func (f *groupFlags) register(c *cobra.Command, forms ...string) {
	c.Flags().Var((*once)(&f.http), "http", "ask the broker whose HTTP port is `HOST:PORT` (mainstem.http.listen; default 127.0.0.1:9644)")
	c.Flags().StringVarP(&f.output, "output", "o", outputTable, "`FORM` of the output: "+wordList(forms))
	run := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(forms, f.output) {
			return usageError{fmt.Errorf("-o %s: must be %s", f.output, wordList(forms))}
		}
		return run(cmd, args)
	}
}

// oneGroup takes the name of one group as the only argument.
func oneGroup(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError{fmt.Errorf("which group? %s NAME; `mainstem group list` shows all", c.CommandPath())}
	case len(args) > 1:
		return usageError{fmt.Errorf("one group at a time: %s NAME", c.CommandPath())}
	case args[0] == "":
		return usageError{errors.New("a group's name is not empty")}
	}
	return nil
}

const groupListLong = `List all groups, with their state, their members, and how far behind they are:
LAG in records, as Kafka's tools count; BEHIND is for how long the oldest record
that was not consumed has been in the log. A ? is for what was not looked up, as there
are very many partitions: "group describe NAME" does.`

func newGroupList(p process) *cobra.Command {
	var f groupFlags
	var state, kind string
	c := &cobra.Command{
		Use:   "list",
		Short: "List all groups and their lag",
		Long:  groupListLong,
		Example: `  mainstem group list
  mainstem group list --state stable,empty -o wide`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			if state != "" {
				q.Set("state", state)
			}
			if kind != "" {
				q.Set("type", kind)
			}
			var list server.GroupList
			return f.show(cmd, p, request{path: "/api/v1/groups", query: q}, &list, func(t *groupTable) { t.list(&list, len(q) > 0) })
		},
	}
	c.Flags().StringVar(&state, "state", "", "only groups in these `STATES`: Empty, Stable; of classic groups PreparingRebalance, CompletingRebalance; of consumer groups Assigning, Reconciling")
	c.Flags().StringVar(&kind, "type", "", "only groups of these `TYPES`: classic, consumer")
	f.register(c, outputTable, outputWide, outputJSON)
	return c
}

const groupWhyLong = `Say in words how a group is: whom a rebalance waits for and how long at most, which
members are silent or have nothing to do, which partitions nobody was given, and
where nothing has been committed for long.`

func newGroupWhy(p process) *cobra.Command {
	var f groupFlags
	c := &cobra.Command{
		Use:     "why NAME",
		Short:   "Say what holds a group up",
		Long:    groupWhyLong,
		Example: `  mainstem group why orders`,
		Args:    oneGroup,
		RunE: func(cmd *cobra.Command, args []string) error {
			var why server.GroupWhy
			return f.show(cmd, p, request{path: groupPath(args[0]) + "/why"}, &why, func(t *groupTable) { t.why(&why) })
		},
	}
	f.register(c, outputTable, outputJSON)
	return c
}
