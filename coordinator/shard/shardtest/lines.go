package shardtest

import (
	"fmt"
	"strings"
	"sync"
	"testing/synctest"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// Lines are what has happened since they were taken last, in order. They may be
// said by several goroutines.
type Lines struct {
	mu   sync.Mutex
	text []string
}

// Say adds a line.
func (l *Lines) Say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, plain(fmt.Sprintf(format, args...)))
}

// SayRecords adds a line for each record that was appended to one of several
// journals.
func (l *Lines) SayRecords(journal, journals int, records []shard.Record, text func(shard.Record) string) {
	prefix := ""
	if journals > 1 {
		prefix = fmt.Sprintf("%d ", journal)
	}
	for _, r := range records {
		l.Say("%sappend %s", prefix, text(r))
	}
}

// Taken waits until all of a bubble is at rest, returns what was said, and forgets
// it. It is "ok" if nothing was.
func (l *Lines) Taken() string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text
	l.text = nil
	if len(text) == 0 {
		return "ok\n"
	}
	return strings.Join(text, "\n") + "\n"
}
