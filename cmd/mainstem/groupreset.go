package main

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/server"
)

const groupResetLong = `Move the offsets that a group has committed, so that its members begin there when
they come back. The group must have no members now: stop them first.

--to is one of
  earliest, latest            the first record that is left, or behind the last one
  2026-11-22T13:00:00Z, 15m   the first record of that time (or so long ago, in d, h,
                              m and s) or later
  -N                          N records before what is committed
  N                           the record at that offset, in one topic
and is kept within what is in the log. Without --topics it moves all partitions for
which the group has committed an offset; with them all partitions of those.

It says what will be delivered again, or never, and asks before it does it.`

func newGroupReset(p process) *cobra.Command {
	var (
		f      groupFlags
		req    server.ResetRequest
		yes    bool
		dryRun bool
	)
	c := &cobra.Command{
		Use:   "reset NAME --to WHERE",
		Short: "Move the committed offsets of a group without members",
		Long:  groupResetLong,
		Example: `  mainstem group reset orders --to earliest --dry-run
  mainstem group reset orders --to 2h --topics payments,refunds
  mainstem group reset orders --to=-100 --yes`,
		Args: oneGroup,
		RunE: func(cmd *cobra.Command, args []string) error {
			if req.To == "" {
				return usageError{errors.New("where to? --to earliest, latest, a time, an offset, or -N for N records back; see --help")}
			}
			if !yes && !dryRun {
				req.DryRun = true
				seen, raw, err := f.reset(cmd, p, args[0], &req)
				if err != nil {
					return err
				}
				table := func(t *groupTable) { t.plan(seen) }
				if len(seen.Offsets()) == 0 { // nothing to ask about
					return f.print(cmd.OutOrStdout(), raw, table)
				}
				preview := groupFlags{output: outputTable}
				if err := preview.print(cmd.ErrOrStderr(), raw, table); err != nil {
					return err
				}
				if err := confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), false); err != nil {
					return err
				}
				req.To, req.Topics, req.Offsets = "", nil, seen.Offsets() // 2h ago is later by now
			}
			req.DryRun = dryRun
			plan, raw, err := f.reset(cmd, p, args[0], &req)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), raw, func(t *groupTable) { t.plan(plan) })
		},
	}
	c.Flags().StringVar(&req.To, "to", "", "`WHERE` to: earliest, latest, a time, an offset, or -N (as --to=-N)")
	c.Flags().Var((*topicsFlag)(&req.Topics), "topics", "only these `TOPICS`, all their partitions; separated by commas")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	f.register(c, outputTable, outputWide, outputJSON)
	return c
}

// reset asks for one plan, to be done or not.
func (f *groupFlags) reset(cmd *cobra.Command, p process, group string, req *server.ResetRequest) (*server.ResetPlan, []byte, error) {
	var plan server.ResetPlan
	raw, err := f.ask(cmd.Context(), p, request{method: http.MethodPost, path: groupPath(group) + "/reset", body: req}, &plan)
	return &plan, raw, err
}

func (t *groupTable) plan(plan *server.ResetPlan) {
	moved := 0
	var again, skipped, bytes int64
	for i := range plan.Partitions {
		x := &plan.Partitions[i]
		if x.Moves() {
			moved++
		}
		again, skipped, bytes = again+x.Again, skipped+x.Skipped, bytes+x.Bytes
	}
	if len(plan.Partitions) == 0 {
		t.printf("group %s has committed nothing: name topics with --topics\n", words.Quoted(plan.Group))
		return
	}
	t.rows([]string{"TOPIC", "PARTITION", "COMMITTED", "TO", "AGAIN", "BYTES", "SKIPPED", "NOTE"}, []string{"START", "END"},
		len(plan.Partitions), func(i int) (cells, more []string) {
			x := &plan.Partitions[i]
			return []string{
				words.Quoted(x.Topic), strconv.Itoa(int(x.Partition)), numberText(x.Committed), numberText(x.To),
				strconv.FormatInt(x.Again, 10), aboutBytes(x.Bytes), strconv.FormatInt(x.Skipped, 10), noteText(x.Note),
			}, []string{strconv.FormatInt(x.LogStart, 10), strconv.FormatInt(x.End, 10)}
		})
	done := "were moved"
	if moved == 1 {
		done = "was moved"
	}
	if plan.DryRun {
		done = "would be moved (dry run)"
	}
	t.printf("group %s: %s %s; %s again (%s), %s skipped\n", words.Quoted(plan.Group), words.Counted(moved, "partition", "partitions"), done,
		words.Counted(again, "record", "records"), aboutBytes(bytes), words.Counted(skipped, "record", "records"))
}

func noteText(note string) string {
	if note == "" {
		return "-"
	}
	return note
}

const groupDeleteLong = `Delete a group that has no members, with the offsets that it has committed. If its
members come back they begin where auto.offset.reset says.`

func newGroupDelete(p process) *cobra.Command {
	var f groupFlags
	var yes bool
	c := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a group without members, and its offsets",
		Long:  groupDeleteLong,
		Example: `  mainstem group delete orders
  mainstem group delete orders --yes`,
		Args: oneGroup,
		RunE: func(cmd *cobra.Command, args []string) error {
			var s server.GroupDetail
			if _, err := f.ask(cmd.Context(), p, request{path: groupPath(args[0])}, &s); err != nil {
				return err
			}
			if !yes && s.Members > 0 { // nobody need be asked
				return fmt.Errorf("group %s has %s: stop them, then delete it", words.Quoted(s.Group), words.Counted(s.Members, "member", "members"))
			}
			if !yes {
				if err := printf(cmd.ErrOrStderr(), "group %s, %s, has offsets committed for %s\n", words.Quoted(s.Group), s.State,
					words.Counted(s.Partitions, "partition", "partitions")); err != nil {
					return err
				}
				if err := confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), false); err != nil {
					return err
				}
			}
			var deleted server.GroupDeleted
			return f.show(cmd, p, request{method: http.MethodDelete, path: groupPath(args[0])}, &deleted, func(t *groupTable) {
				t.printf("group %s is deleted\n", words.Quoted(deleted.Group))
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	f.register(c, outputTable, outputJSON)
	return c
}
