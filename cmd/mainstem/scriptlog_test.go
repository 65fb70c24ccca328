package main

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// scriptLog is what a script's broker has told its log.
type scriptLog struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // closed with the next line
}

func newScriptLog() *scriptLog { return &scriptLog{grown: make(chan struct{})} }

func (l *scriptLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.grown)
	l.grown = make(chan struct{})
	return l.text.Write(p)
}

func (l *scriptLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until a line matches.
func (l *scriptLog) await(pattern string) error {
	line, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	hangs := time.NewTimer(time.Minute) // far more than anything takes
	defer hangs.Stop()
	for {
		l.mu.Lock()
		text, grown := l.text.String(), l.grown
		l.mu.Unlock()
		if line.MatchString(text) {
			return nil
		}
		select {
		case <-grown:
		case <-hangs.C:
			return fmt.Errorf("no line of the log matches %s:\n%s", pattern, text)
		}
	}
}
