package cli

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/cli/importer"
	"github.com/mainstem-mq/mainstem/internal/words"
)

// importLineEvery is how often a line is printed where nobody looks at a terminal.
const importLineEvery = 10 * time.Second

// importBar shows how far an import is: a line that changes on a terminal, else lines
// now and then.
type importBar struct {
	mu    sync.Mutex
	shell *Shell
	out   io.Writer
	bar   *progress // nil: no terminal
	begun time.Time // of the phase
	phase string
	told  time.Time
}

func newImportBar(s *Shell, out io.Writer) *importBar {
	b := &importBar{shell: s, out: out, told: s.Clock.Now()}
	if s.Terminal(out) {
		b.bar = newProgress(s.Clock, out, false)
	}
	return b
}

// show tells how far it is, not too often. It may be called from any goroutine.
func (b *importBar) show(p importer.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.shell.Clock.Now()
	if p.Phase != b.phase {
		b.phase, b.begun = p.Phase, now
	}
	took := now.Sub(b.begun)
	if b.bar != nil {
		b.bar.show(func() string { return "[" + meter(p.Done, p.All) + "] " + importText(&p, took) })
		return
	}
	if now.Sub(b.told) >= importLineEvery {
		b.told = now
		// A line that can not be printed is no reason to stop.
		_, _ = fmt.Fprintf(b.out, "mainstem: %s\n", importText(&p, took))
	}
}

func (b *importBar) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.clear()
	}
}

// meter is a bar of 20 places.
func meter(done, all int64) string {
	const wide = 20
	n := 0
	if all > 0 {
		n = int(min(float64(wide), wide*float64(done)/float64(all)))
	}
	out := make([]byte, wide)
	for i := range out {
		if out[i] = '.'; i < n {
			out[i] = '#'
		}
	}
	return string(out)
}

// importText is a phase in words.
func importText(p *importer.Progress, took time.Duration) string {
	text := map[string]string{
		"copy": "copying", "compare": "comparing", "groups": "positions of groups", "finish": "opening the topics",
	}[p.Phase]
	switch {
	case p.Waiting != nil:
		return text + ", waiting: " + words.Shown(p.Waiting.Error())
	case p.OpenedTxns > 0:
		return fmt.Sprintf("waiting for open transactions of the source in %s", words.Counted(p.OpenedTxns, "partition", "partitions"))
	case p.All == 0:
		return text
	}
	rate := int64(0)
	if took > 0 {
		rate = int64(float64(p.Bytes) / took.Seconds())
	}
	text = fmt.Sprintf("%s, %.0f%% of the offsets of %s, %s, %s/s", text, 100*float64(p.Done)/float64(p.All),
		words.Counted(p.Partitions, "partition", "partitions"), words.Bytes(p.Bytes), words.Bytes(rate))
	if p.StillGrowth {
		text += ", the source is still written to"
	}
	return text
}

// imported prints what came of an import.
func (p *printer) imported(r *importer.Report, well bool) {
	type line struct {
		topic string
		importer.PartReport
	}
	var lines []line
	records, open, later := int64(0), 0, 0
	for _, t := range r.Topics {
		for _, x := range t.Partitions {
			lines = append(lines, line{t.Topic, x})
			if records += x.Records; x.OpenFrom >= 0 {
				open++
			}
			if x.Start > x.SourceStart {
				later++
			}
		}
	}
	p.rows([]string{"TOPIC", "PARTITION", "START", "END", "SOURCE END", "RECORDS COMPARED", "GONE AT SOURCE", "SHA-256"}, nil, len(lines), func(i int) (cells, more []string) {
		x := &lines[i]
		text := func(n int64) string { return strconv.FormatInt(n, 10) }
		return []string{words.Shown(x.topic), text(int64(x.Partition)), text(x.Start), text(x.End), text(x.SourceEnd), text(x.Records), text(x.Removed), x.Checksum[:16]}, nil
	})
	if len(r.Groups) > 0 {
		p.printf("\n")
		p.rows([]string{"GROUP", "STATE AT SOURCE", "POSITIONS"}, nil, len(r.Groups), func(i int) (cells, more []string) {
			g := &r.Groups[i]
			return []string{words.Quoted(g.Group), orDash(words.Shown(g.State)), strconv.Itoa(g.Positions)}, nil
		})
	}
	if !well {
		return
	}
	p.printf("\n%s of %s compared: the same on both sides.", words.Counted(records, "record", "records"), words.Counted(len(r.Topics), "topic", "topics"))
	if later > 0 {
		p.printf(" The source has older records in %s, which it did not have when they were copied: a broker of Apache Kafka that is killed forgets what was deleted in the last minute.",
			words.Counted(later, "partition", "partitions"))
	}
	switch {
	case r.Finished:
		p.printf(" The topics are open for producers.\n")
	case open > 0:
		p.printf(" Open transactions of the source end the copy of %s early.\n", words.Counted(open, "partition", "partitions"))
		fallthrough
	default:
		p.printf(" Run it again for what comes, and with --finish at the end.\n")
	}
}
