package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/log"
)

// reportLines is how many lines of each list are printed; -o json has all.
const reportLines = 50

// reportPrinter prints until the first error of its output.
type reportPrinter struct {
	out io.Writer
	err error
}

func (p *reportPrinter) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

// table prints a list under a headline.
func (p *reportPrinter) table(headline, columns string, n int, line func(w io.Writer, i int) error) {
	if p.err != nil || n == 0 {
		return
	}
	p.printf("\n%s\n", headline)
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if columns != "" {
		_, p.err = fmt.Fprintf(w, "  %s\n", columns)
	}
	for i := 0; i < min(n, reportLines) && p.err == nil; i++ {
		p.err = line(w, i)
	}
	if p.err == nil {
		p.err = w.Flush()
	}
	if n > reportLines {
		p.printf("  and %d more: -o json lists all\n", n-reportLines)
	}
}

// printReport prints a report for people.
func printReport(out io.Writer, r *log.CheckReport) error {
	p := &reportPrinter{out: out}
	ended := "did not stop cleanly"
	if r.Clean {
		ended = "stopped cleanly"
	}
	p.printf("%s: %s, %s; %s of %s\n", r.Dir, words.Counted(r.Segments, "segment", "segments"), words.Bytes(r.Bytes),
		words.Counted(r.Batches, "batch", "batches"), words.Counted(r.Partitions, "partition", "partitions"))
	if r.ColdSegments > 0 {
		p.printf("cold log, of what was moved from old segments: %s, %s; %s\n", words.Counted(r.ColdSegments, "segment", "segments"),
			words.Bytes(r.ColdBytes), words.Counted(r.ColdBatches, "batch", "batches"))
	}
	p.printf("the log ends at %d and is known to be durable up to %d; the last broker %s; %s\n",
		r.End, r.Synced, ended, words.Counted(r.UncleanStarts, "unclean start", "unclean starts"))
	var damage, notes []log.Finding
	for _, f := range r.Findings {
		if f.Severity == log.SeverityDamage {
			damage = append(damage, f)
		} else {
			notes = append(notes, f)
		}
	}
	p.findings("DAMAGE", damage)
	p.lost("LOST", r.Lost)
	p.table("REFUSE PRODUCE", "TOPIC\tPARTITION\tWOULD GO ON AT", len(r.Waiting), func(w io.Writer, i int) error {
		x := &r.Waiting[i]
		_, err := fmt.Fprintf(w, "  %s\t%s\t%d\n", topicText(x.Topic, x.Partition), indexText(x.Index), x.End)
		return err
	})
	for i := range r.Aside {
		x := &r.Aside[i]
		p.table("SET ASIDE in "+x.Name, "TOPIC\tPARTITION\tOFFSETS\tBATCHES", len(x.Owners), func(w io.Writer, i int) error {
			o := &x.Owners[i]
			_, err := fmt.Fprintf(w, "  %s\t%s\t%d to %d\t%d\n", topicText(o.Topic, o.Partition), indexText(o.Index), o.From, o.To-1, o.Batches)
			return err
		})
	}
	p.findings("NOTES", notes)
	if len(damage) == 0 {
		p.printf("\nno damage\n")
	} else {
		p.printf("\n%s of damage\n", words.Counted(len(damage), "finding", "findings"))
	}
	if p.err != nil {
		return fmt.Errorf("write output: %w", p.err)
	}
	return nil
}

// findings prints each finding, and what can be done below those it is good for.
func (p *reportPrinter) findings(headline string, list []log.Finding) {
	p.table(headline, "", len(list), func(w io.Writer, i int) error {
		f := &list[i]
		where := string(f.Kind)
		if f.File != "" {
			where += " " + f.File
		}
		if f.Range.To > f.Range.From {
			where += fmt.Sprintf(" [%d, %d)", f.Range.From, f.Range.To)
		}
		advice := ""
		if f.Advice != "" && (i+1 == min(len(list), reportLines) || list[i+1].Advice != f.Advice) {
			advice = "    what to do: " + f.Advice + "\n"
		}
		_, err := fmt.Fprintf(w, "  %s: %s\n%s", where, f.Text, advice)
		return err
	})
}

func (p *reportPrinter) lost(headline string, list []log.LostRange) {
	p.table(headline, "TOPIC\tPARTITION\tOFFSETS\tRECORDS\t", len(list), func(w io.Writer, i int) error {
		x := &list[i]
		records, given := "up to "+strconv.FormatInt(int64(x.To-x.From), 10), ""
		if x.Records >= 0 {
			records = strconv.FormatInt(x.Records, 10)
		}
		if x.Given {
			given = "given up by a salvage"
		}
		_, err := fmt.Fprintf(w, "  %s\t%s\t%d to %d\t%s\t%s\n", topicText(x.Topic, x.Partition), indexText(x.Index), x.From, x.To-1, records, given)
		return err
	})
}

func topicText(topic string, id model.PartitionID) string {
	if topic == "" {
		return fmt.Sprintf("(number %d in the log)", id)
	}
	return topic
}

func indexText(index int32) string {
	if index < 0 {
		return "?"
	}
	return strconv.Itoa(int(index))
}
