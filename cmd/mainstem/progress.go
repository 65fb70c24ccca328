package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstem-mq/mainstem/internal/words"
)

// isTerminal reports whether somebody looks at w.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// progressBar draws how far a long look at the disk is, where a terminal shows it.
type progressBar struct {
	out   io.Writer // nil: nobody looks
	begun time.Time
	drawn time.Time
	wide  int // of the line that is drawn
}

const (
	progressEvery = 100 * time.Millisecond
	progressWidth = 30
)

func newProgressBar(w io.Writer) *progressBar {
	b := &progressBar{begun: time.Now()}
	if isTerminal(w) {
		b.out = w
	}
	return b
}

// show draws the bar, not too often.
func (b *progressBar) show(read, total int64) {
	now := time.Now()
	if b.out == nil || now.Sub(b.drawn) < progressEvery {
		return
	}
	b.drawn = now
	part := float64(read) / float64(max(total, 1))
	full := int(part * progressWidth)
	line := fmt.Sprintf("checking [%s%s] %3.0f%%  %s of %s", strings.Repeat("#", full), strings.Repeat(".", progressWidth-full),
		100*part, words.Bytes(read), words.Bytes(total))
	if took := now.Sub(b.begun).Seconds(); took > 1 {
		rate := float64(read) / took
		line += fmt.Sprintf("  %s/s, %v left", words.Bytes(int64(rate)), time.Duration(float64(total-read)/max(rate, 1)*float64(time.Second)).Round(time.Second))
	}
	b.line(line)
}

// line replaces the line that is drawn.
func (b *progressBar) line(text string) {
	pad := max(b.wide-len(text), 0)
	b.wide = len(text)
	// A bar that can not be drawn is no reason to stop.
	_, _ = fmt.Fprintf(b.out, "\r%s%s", text, strings.Repeat(" ", pad))
}

// clear takes the bar away.
func (b *progressBar) clear() {
	if b.out != nil && b.wide > 0 {
		b.line("")
		_, _ = fmt.Fprint(b.out, "\r")
	}
}
