package main

import (
	"fmt"
	"strings"
)

// writeRows is every metric of every row.
func (t *report) writeRows(b *strings.Builder) {
	b.WriteString("\n### All figures\n\n| row | metric |")
	for _, target := range t.targets {
		fmt.Fprintf(b, " %s |", target)
	}
	two := len(t.targets) == 2
	if two {
		fmt.Fprintf(b, " %s / %s |", t.targets[1], t.targets[0])
	}
	b.WriteString("\n|---|---|" + strings.Repeat("--:|", len(t.targets)))
	if two {
		b.WriteString("--:|")
	}
	b.WriteString("\n")
	for _, r := range t.results {
		title := fmt.Sprintf("**%s** %s (%d rounds)", r.row.name, r.row.title, r.rounds(t.targets))
		for _, target := range r.lacks {
			title += fmt.Sprintf("; **skipped on %s**, which does not advertise %s", target, r.row.needs)
		}
		if r.failed != nil {
			text := strings.ReplaceAll(strings.ReplaceAll(r.failed.Error(), "\n", " "), "|", "/")
			fmt.Fprintf(b, "| %s | FAILED: %s |%s\n", title, text[:min(len(text), 300)], strings.Repeat(" |", len(t.targets)))
		}
		for _, metric := range metricOrder() {
			if line, ok := t.line(r, metric, two); ok {
				fmt.Fprintf(b, "| %s | %s |%s\n", title, metric, line)
				title = ""
			}
		}
	}
}

// line is one metric of a row; false if no target has it.
func (t *report) line(r *result, metric string, two bool) (string, bool) {
	var b strings.Builder
	medians := make([]float64, 0, 2)
	for _, target := range t.targets {
		s, ok := spreadOf(r.samples[target], metric)
		if !ok {
			b.WriteString(" - |")
			continue
		}
		medians = append(medians, s.median)
		fmt.Fprintf(&b, " %s (%s to %s) |", number(s.median), number(s.least), number(s.most))
	}
	if two {
		text := "-"
		if len(medians) == 2 {
			text = ratio(medians[1], medians[0], true)
		}
		fmt.Fprintf(&b, " %s |", text)
	}
	return b.String(), len(medians) > 0
}

// writeDisk is what the disk did by itself, and the brokers at rest.
func (t *report) writeDisk(b *strings.Builder) {
	b.WriteString("\n### The disk by itself, and the brokers at rest\n\n" +
		"Medians of what was measured before each round: 1 MiB writes, each with fdatasync, into a preallocated file in the data's directory; fdatasync after 4 KiB.\n" +
		"At rest: part of a core that a broker uses before the row's first round; a stopped one is stopped while the other is measured.\n\n")
	b.WriteString("| row | MB/s | fdatasync p50 ms | p99 ms |")
	for _, target := range t.targets {
		fmt.Fprintf(b, " %s at rest |", target)
	}
	b.WriteString("\n|---|--:|--:|--:|" + strings.Repeat("--:|", len(t.targets)) + "\n")
	for _, r := range t.results {
		if len(r.disks) == 0 {
			continue
		}
		d := t.diskOf(r.row.name)
		fmt.Fprintf(b, "| %s | %s | %s | %s |", r.row.name, number(d.MBPerSecond), number(d.P50), number(d.P99))
		for _, target := range t.targets {
			idle, ok := r.idle[target]
			switch {
			case !ok:
				b.WriteString(" - |")
			case idle > idleMost:
				fmt.Fprintf(b, " %.1f %%, stopped |", 100*idle)
			default:
				fmt.Fprintf(b, " %.1f %% |", 100*idle)
			}
		}
		b.WriteString("\n")
	}
}

// writeWarmth shows how warm each broker was when its first round began.
func (t *report) writeWarmth(b *strings.Builder) {
	if len(t.warmths) == 0 {
		return
	}
	b.WriteString("\n### Warm-up\n\nUncounted. Each broker produces and consumes 3 million records after its start, and then, before each row's first round,\n" +
		"runs that row's own load in pieces until two of them differ by less than 15 % in CPU per record, or a minute has passed.\n" +
		"In rows that also consume, a piece's CPU is that of both.\n\n")
	b.WriteString("| row | broker | us CPU/rec, piece by piece | first to last rec/s | seconds | |\n|---|---|---|--:|--:|---|\n")
	for _, w := range t.warmths {
		var cpu []string
		for _, p := range w.pieces {
			cpu = append(cpu, number(p.cpu))
		}
		state := "steady"
		switch {
		case w.row == baseName:
			state = "produced, consumed"
		case !w.steady:
			state = "time was up"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s to %s | %.0f | %s |\n", w.row, w.target, strings.Join(cpu, ", "),
			number(w.pieces[0].rate), number(w.pieces[len(w.pieces)-1].rate), w.took.Seconds(), state)
	}
}
