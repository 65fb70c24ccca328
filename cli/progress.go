package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// progress is a line about long work, where somebody looks.
type progress struct {
	clock clock.Clock
	out   io.Writer // nil: nobody looks
	drawn time.Time
	wide  int // of what is drawn
}

const progressEvery = 200 * time.Millisecond

func newProgress(c clock.Clock, out io.Writer, quiet bool) *progress {
	p := &progress{clock: c, out: out, drawn: c.Now()} // short work needs none
	if quiet {
		p.out = nil
	}
	return p
}

// show draws the line, not too often.
func (p *progress) show(text func() string) {
	if p.out == nil {
		return
	}
	if now := p.clock.Now(); now.Sub(p.drawn) >= progressEvery {
		p.drawn = now
		p.line(text())
	}
}

func (p *progress) line(text string) {
	n := utf8.RuneCountInString(text)
	// A line that can not be drawn is no reason to stop.
	_, _ = fmt.Fprintf(p.out, "\r%s%s", text, strings.Repeat(" ", max(p.wide-n, 0)))
	p.wide = n
}

// clear takes the line away.
func (p *progress) clear() {
	if p.out != nil && p.wide > 0 {
		p.line("")
		_, _ = fmt.Fprint(p.out, "\r")
	}
}
