package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/log"
)

const logSalvageLong = `Mend the log of a stopped broker by giving up what is damaged. Put files back from
a copy first, if there is one: salvage is for what can not be had back.

It checks everything as "mainstem log check" does, says what it would do and
what is lost by that, and asks before it does it. Afterwards consumers go on
behind the lost offsets, and partitions that refused produce, since they may
have ended in damage, take it again. Nothing is deleted: files that are replaced
are kept beside the log as quarantine-*.`

func newLogSalvage(p process) *cobra.Command {
	var (
		o      options
		do     salvageOptions
		yes    bool
		dryRun bool
	)
	c := &cobra.Command{
		Use:   "salvage [DIR]",
		Short: "Give up what is damaged, so that the rest can be used",
		Long:  logSalvageLong,
		Example: `  mainstem log salvage /var/lib/mainstem
  mainstem log salvage --dry-run
  mainstem log salvage --drop-indexes --yes`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := o.dir(p, args)
			if err != nil {
				return err
			}
			ask := func() error {
				if dryRun {
					return errDryRun
				}
				return confirm(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), yes)
			}
			if err = salvage(vfs.OS{}, dir, do, cmd.OutOrStdout(), cmd.ErrOrStderr(), ask); errors.Is(err, errDryRun) {
				return printf(cmd.OutOrStdout(), "\nnothing was done (--dry-run)\n")
			}
			return err
		},
	}
	o.registerDir(c.Flags())
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	c.Flags().BoolVar(&do.DropIndexes, "drop-indexes", false, "also set all index files aside, so that the next start makes them anew")
	c.Flags().BoolVar(&do.adopt, "adopt", false, "make a topic for each partition that older metadata does not know")
	return c
}

// salvageOptions say what to do beside what is needed.
type salvageOptions struct {
	log.SalvageOptions

	adopt bool
}

var errDryRun = errors.New("only a dry run")

// confirm asks the person at the terminal. The end of ctx, ctrl-C, is a no.
func confirm(ctx context.Context, in io.Reader, out io.Writer, yes bool) error {
	if yes {
		return nil
	}
	if f, ok := in.(*os.File); ok && !isTerminal(f) {
		return couldNotRun{errors.New("nobody is there to ask: say --yes, or use a terminal; nothing was changed")}
	}
	if err := printf(out, "\ntype yes to go on: "); err != nil {
		return err
	}
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() { // a read of a terminal cannot be called off: it ends with the process
		text, err := bufio.NewReader(in).ReadString('\n')
		typed <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return errors.Join(printf(out, "\n"), couldNotRun{errors.New("not confirmed; nothing was changed")})
	case l := <-typed:
		if l.err != nil && !errors.Is(l.err, io.EOF) {
			return fmt.Errorf("read the answer: %w", l.err)
		}
		if ctx.Err() != nil || strings.TrimSpace(l.text) != "yes" {
			return couldNotRun{errors.New("not confirmed; nothing was changed")}
		}
		return nil
	}
}

// salvage shows the plan, asks, and does it.
func salvage(fsys vfs.FS, dir string, do salvageOptions, out, stderr io.Writer, ask func() error) (err error) {
	if has, err := log.Exists(fsys, dir); err != nil || !has {
		return couldNotRun{errors.Join(fmt.Errorf("%w: %s", log.ErrNoLog, dir), err)}
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockName))
	if errors.Is(err, vfs.ErrLocked) {
		return couldNotRun{fmt.Errorf("%s is in use by a broker, or another look at it: stop that first", dir)}
	}
	if err != nil {
		return couldNotRun{fmt.Errorf("lock the data directory: %w", err)}
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	report, err := examine(fsys, dir, stderr)
	if err != nil {
		return couldNotRun{err}
	}
	if err := metadataFirst(report, do.adopt); err != nil {
		return err
	}
	plan := log.PlanSalvage(report, do.SalvageOptions)
	if err := printAdoption(out, dir, report.Unknown); err != nil {
		return err
	}
	if plan.Empty() && report.Refused != "" && len(report.Unknown) == 0 {
		return fmt.Errorf("salvage can not mend this, and the broker does not start on it: %s; nothing was changed. "+
			"Put the file back from a copy, or move aside what is in its place; `mainstem log check %s` has all that is known", report.Refused, dir)
	}
	if !plan.Empty() || len(report.Unknown) == 0 {
		if err := printPlan(out, dir, plan, report); err != nil || plan.Empty() {
			return err
		}
	}
	if err := ask(); err != nil {
		return err
	}
	if err := adopt(fsys, dir, report.Unknown, out); err != nil {
		return err
	}
	var told error
	err = plan.Apply(fsys, dir, func(what string) {
		told = errors.Join(told, printf(out, "%s\n", what))
	})
	if err != nil {
		return fmt.Errorf("salvage stopped half way, nothing is worse than before; ask again once the cause is mended: %w", err)
	}
	return errors.Join(told, printf(out, "done: start the broker, and see `mainstem log check` if in doubt\n"))
}

// printPlan says what will be done, and lost.
func printPlan(out io.Writer, dir string, plan *log.SalvagePlan, report *log.CheckReport) error {
	p := &reportPrinter{out: out}
	if plan.Empty() {
		p.printf("%s: there is nothing to salvage\n", dir)
		if report.Damaged() {
			p.printf("what is damaged mends itself at the next start, or needs its files back: see `mainstem log check`\n")
		}
		return p.err
	}
	p.lost("LOST FOR GOOD", plan.Lost)
	if len(report.Waiting) > 0 {
		p.printf("\n%s may have had more at the end in the damage; nobody can tell. Appends go on here, and offsets are given again:\n",
			words.Counted(len(report.Waiting), "partition", "partitions"))
		p.table("GO ON", "TOPIC\tPARTITION\tAT OFFSET", len(report.Waiting), func(w io.Writer, i int) error {
			x := &report.Waiting[i]
			_, err := fmt.Fprintf(w, "  %s\t%s\t%d\n", topicText(x.Topic, x.Partition), indexText(x.Index), x.End)
			return err
		})
	}
	p.table("WILL BE DONE in "+dir, "", len(plan.Steps), func(w io.Writer, i int) error {
		_, err := fmt.Fprintf(w, "  %d. %s\n", i+1, plan.Steps[i])
		return err
	})
	if p.err != nil {
		return fmt.Errorf("write output: %w", p.err)
	}
	return nil
}
