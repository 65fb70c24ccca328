package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// Forms of the output.
const (
	outputTable = "table"
	outputWide  = "wide"
	outputJSON  = "json"
	outputText  = "text"
)

// printer prints for people until the first error of its output.
type printer struct {
	out  io.Writer
	wide bool
	err  error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

// rows prints lines under a head; cells that only -o wide has are those of more.
func (p *printer) rows(head, more []string, n int, row func(i int) (cells, more []string)) {
	if p.err != nil {
		return
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	line := func(cells, more []string) {
		if p.wide {
			cells = append(cells[:len(cells):len(cells)], more...)
		}
		if p.err == nil {
			_, p.err = fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
	}
	line(head, more)
	for i := range n {
		line(row(i))
	}
	if p.err == nil {
		p.err = w.Flush()
	}
}

// show prints an answer in the form that was asked for.
func (f *flags) show(out io.Writer, answer any, table func(*printer)) error {
	if f.output == outputJSON {
		text, err := json.MarshalIndent(answer, "", "  ")
		if err != nil {
			return fmt.Errorf("encode the output: %w", err)
		}
		return written(fmt.Fprintf(out, "%s\n", TerminalSafe(text)))
	}
	p := &printer{out: out, wide: f.output == outputWide}
	table(p)
	return written(0, p.err)
}

// written names what failed when output could not be written.
func written(_ int, err error) error {
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// TerminalSafe escapes the control characters that JSON may hold as they are,
// DEL and those of Latin 1, which a terminal may obey. They only stand in strings.
func TerminalSafe(text []byte) []byte {
	if !slices.ContainsFunc(text, func(b byte) bool { return b >= 0x7f }) {
		return text
	}
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r >= 0x7f && r < 0xa0 {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	return out
}
