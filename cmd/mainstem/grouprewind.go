package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cli"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/server"
)

const (
	rewindPatience = time.Minute
	rewindPoll     = 200 * time.Millisecond
)

const groupRewindLong = `Take a group back, or forward, while its members are at work; nothing has to be
stopped. The group rebalances twice: in the first one it gives up all partitions (of
type consumer: only those that move), and commits of the partitions that move are not
taken any more; in the second one it starts where it was sent. Every record from there
on is delivered again once.

--to is one of
  earliest, latest            the first record that is left, or behind the last one
  2026-11-22T13:00:00Z, 15m   the first record of that time (or so long ago, in d, h,
                              m and s) or later
  -N                          N records before what is committed
  N                           the record at that offset, in one topic
and is kept within what is in the log. Partitions for which the group has committed
nothing stay as they are.

It may also take partitions forward, past what was not read yet (SKIPPED), if the group
is further back than that.

For an hour --undo takes it back: to what was committed before; where it went back, to
where the group has come since if that is further. What is not done yet is called off.`

// rewinding are the flags of what moves a group that is at work.
type rewinding struct {
	groupFlags

	yes, dryRun bool
	skips       bool // it is a skip, which its user does not call a rewind
	wait        time.Duration
}

func (f *rewinding) flags(c *cobra.Command) {
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would be done")
	f.wait = rewindPatience
	c.Flags().Var((*cli.SpanFlag)(&f.wait), "wait", "how much `TIME` to wait until it is done; 0: do not wait, and exit with 0 once it is begun")
	f.register(c, outputTable, outputJSON)
}

func newGroupRewind(p process) *cobra.Command {
	var f rewinding
	var req server.RewindRequest
	var undo bool
	c := &cobra.Command{
		Use:   "rewind NAME --to WHERE",
		Short: "Take a running group to earlier records",
		Long:  groupRewindLong,
		Example: `  mainstem group rewind orders --to 15m --dry-run
  mainstem group rewind orders --to 2026-11-22T13:00:00Z --topics payments,refunds
  mainstem group rewind orders --to=-100 --yes
  mainstem group rewind orders --undo`,
		Args: oneGroup,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case undo && (req.To != "" || cmd.Flags().Changed("topics")):
				return usageError{errors.New("--undo takes back the last rewind as a whole: it goes without --to and --topics")}
			case undo:
				return f.undo(cmd, p, args[0])
			case req.To == "":
				return usageError{errors.New("where to? --to earliest, latest, a time, an offset, or -N for N records back; or --undo; see --help")}
			}
			return f.do(cmd, p, args[0], "rewind", func(seen *server.RewindPlan, dry bool) any {
				if req.DryRun = dry; seen != nil {
					req.To, req.Topics, req.Offsets = "", nil, seen.Offsets() // 15m ago is later by now
				}
				return &req
			})
		},
	}
	c.Flags().StringVar(&req.To, "to", "", "`WHERE` to: earliest, latest, a time, an offset, or -N (as --to=-N)")
	c.Flags().Var((*topicsFlag)(&req.Topics), "topics", "only these `TOPICS`; separated by commas")
	c.Flags().BoolVar(&undo, "undo", false, "take the last rewind back")
	f.flags(c)
	return c
}

const groupSkipLong = `Take a group past records that it cannot get over, while it is at work. The records
stay in the log; other groups are not concerned. Without --offset it is the record at
the committed offset, where the group is stuck (or the first that is left, if that is
gone). One further on is refused, as the
group would never get those between; --offset and --count can take them in. As with
rewind, the group rebalances twice, and for an hour "group rewind NAME --undo" has the
record delivered after all.`

func newGroupSkip(p process) *cobra.Command {
	var f rewinding
	var req server.SkipRequest
	var offset, count int64
	c := &cobra.Command{
		Use:   "skip NAME --topic TOPIC --partition N",
		Short: "Take a running group past a record",
		Long:  groupSkipLong,
		Example: `  mainstem group skip orders --topic payments --partition 3
  mainstem group skip orders --topic payments --partition 3 --offset 1203 --count 2`,
		Args: oneGroup,
		RunE: func(cmd *cobra.Command, args []string) error {
			if req.Topic == "" || !cmd.Flags().Changed("partition") {
				return usageError{errors.New("which record? --topic and --partition, and --offset if it is not the committed one")}
			}
			if cmd.Flags().Changed("offset") {
				req.Offset = &offset
			}
			req.Count, f.skips = &count, true
			return f.do(cmd, p, args[0], "skip", func(seen *server.RewindPlan, dry bool) any {
				if req.DryRun = dry; seen != nil && req.Offset == nil && len(seen.Partitions) > 0 {
					req.Offset = skipsFrom(&seen.Partitions[0]) // the group may have got over that one meanwhile
				}
				return &req
			})
		},
	}
	c.Flags().StringVar(&req.Topic, "topic", "", "the `TOPIC` of the record")
	c.Flags().Int32Var(&req.Partition, "partition", 0, "its partition's `NUMBER`")
	c.Flags().Int64Var(&offset, "offset", 0, "its `OFFSET`; default: what is committed")
	c.Flags().Int64Var(&count, "count", 1, "skip so many `RECORDS`")
	f.flags(c)
	return c
}

// skipsFrom is the first record that a plan skips of those that the group has yet to
// read; of what is gone from the log none is.
func skipsFrom(p *server.RewindPartition) *int64 {
	if p.Committed == nil {
		return nil
	}
	from := max(*p.Committed, p.LogStart)
	return &from
}

// do shows the plan, asks, has it done and waits for it. The body is that of a
// request; seen is the plan to which somebody said yes, nil while nobody has.
func (f *rewinding) do(cmd *cobra.Command, p process, group, what string, body func(seen *server.RewindPlan, dry bool) any) error {
	r := request{method: http.MethodPost, path: groupPath(group) + "/" + what}
	var plan server.RewindPlan
	var seen *server.RewindPlan
	if f.dryRun || !f.yes {
		seen = &server.RewindPlan{}
		r.body = body(nil, true)
		raw, err := f.ask(cmd.Context(), p, r, seen)
		if err != nil {
			return err
		}
		if f.dryRun {
			return f.print(cmd.OutOrStdout(), raw, func(t *groupTable) { t.rewindPlan(seen) })
		}
		preview := groupFlags{output: outputTable}
		if len(seen.Offsets()) == 0 { // nothing to ask about
			return f.print(cmd.OutOrStdout(), raw, func(t *groupTable) { t.rewindPlan(seen) })
		}
		if err := preview.print(cmd.ErrOrStderr(), raw, func(t *groupTable) { t.rewindPlan(seen) }); err != nil {
			return err
		}
		if err := confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), false); err != nil {
			return err
		}
	}
	r.body = body(seen, false)
	raw, err := f.ask(cmd.Context(), p, r, &plan)
	if err != nil {
		return err
	}
	if plan.ID == "" {
		return f.print(cmd.OutOrStdout(), raw, func(t *groupTable) { t.rewindPlan(&plan) })
	}
	return f.await(cmd, p, group, plan.ID)
}

func (f *rewinding) undo(cmd *cobra.Command, p process, group string) error {
	var now server.GroupRewind
	path := groupPath(group) + "/rewind/undo"
	if f.dryRun || !f.yes {
		raw, err := f.ask(cmd.Context(), p, request{method: http.MethodPost, path: path, body: server.UndoRequest{DryRun: true}}, &now)
		if err != nil {
			return err
		}
		if f.dryRun {
			return f.print(cmd.OutOrStdout(), raw, func(t *groupTable) { t.undo(&now) })
		}
		preview := groupFlags{output: outputTable}
		if err := preview.print(cmd.ErrOrStderr(), raw, func(t *groupTable) { t.undo(&now) }); err != nil {
			return err
		}
		if err := confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), false); err != nil {
			return err
		}
	}
	// With its id: another one must not be undone that came while somebody was asked.
	r := request{method: http.MethodPost, path: path, body: server.UndoRequest{ID: now.ID}}
	now = server.GroupRewind{}
	raw, err := f.ask(cmd.Context(), p, r, &now)
	if err != nil {
		return err
	}
	if now.ID == "" {
		return f.print(cmd.OutOrStdout(), raw, func(t *groupTable) {
			t.printf("group %s: the rewind is called off\n", words.Quoted(now.Group))
		})
	}
	return f.await(cmd, p, group, now.ID)
}

// await waits until a rewind is done and shows it. A broker that is started again
// goes on with it, so one that cannot tell for a moment is asked again.
func (f *rewinding) await(cmd *cobra.Command, p process, group, id string) error {
	ctx, cancel := cmd.Context(), func() {}
	if f.wait > 0 {
		ctx, cancel = context.WithTimeout(ctx, f.wait)
	}
	defer cancel()
	tick := time.NewTicker(rewindPoll)
	defer tick.Stop()
	var last error // of a broker that did not answer
	var seen []byte
	for {
		var now server.GroupRewind
		raw, err := f.ask(ctx, p, request{path: groupPath(group) + "/rewind"}, &now)
		switch {
		case err != nil && (f.wait <= 0 || !errors.As(err, new(passing))):
			return fmt.Errorf("the %s of group %s was begun and goes on, but it cannot be looked at: %w", f.word(), words.Quoted(group), err)
		case err != nil:
			if ctx.Err() == nil {
				last = err
			}
		case now.ID != id:
			return fmt.Errorf("the %s of group %s was followed by another one, or undone", f.word(), words.Quoted(group))
		case now.Phase == "done" || f.wait <= 0:
			return f.print(cmd.OutOrStdout(), raw, func(t *groupTable) { t.rewound(&now, f.word()) })
		default:
			last, seen = nil, raw
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if cmd.Context().Err() != nil {
				return fmt.Errorf("not waited for: %w; the %s goes on", cmd.Context().Err(), f.word())
			}
			return errors.Join(f.unfinished(cmd.OutOrStdout(), seen), f.late(group, last))
		}
	}
}

// word is what its user calls it.
func (f *rewinding) word() string {
	if f.skips {
		return "skip"
	}
	return "rewind"
}

// unfinished prints for programs how far a rewind was when last seen.
func (f *rewinding) unfinished(out io.Writer, seen []byte) error {
	if f.output != outputJSON || seen == nil {
		return nil
	}
	return f.print(out, seen, nil)
}

// late says why a rewind was not seen to end.
func (f *rewinding) late(group string, unanswered error) error {
	if unanswered != nil {
		return notInTime{fmt.Errorf("the %s of group %s was begun and goes on, but after %s it is not known how far it is: %w",
			f.word(), words.Quoted(group), f.wait, unanswered)}
	}
	return notInTime{fmt.Errorf("group %s has not given up its partitions within %s; the %s goes on: `mainstem group why %s` says whom it waits for, `mainstem group rewind %s --undo` calls it off",
		words.Quoted(group), f.wait, f.word(), words.Quoted(group), words.Quoted(group))}
}
