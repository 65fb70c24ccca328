// Package told starts the programs of clients/txn and tells them what to do; the
// commands are in that package's doc.go.
//
// Goroutines: those of package child.
package told

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/child"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/txn/commands"
)

// answerTime bounds an answer: a new member of a group may wait until the broker
// misses one that crashed, and a JVM on a busy machine starts slowly.
const answerTime = 90 * time.Second

// Worker is one process of a client's program.
type Worker struct {
	*child.Process
	answers chan commands.Answer

	mu    sync.Mutex
	story strings.Builder
}

// Start starts a program.
func Start(argv, env []string) (*Worker, error) {
	// One answer is under way at most, but a program may be killed with one unread.
	w := &Worker{answers: make(chan commands.Answer, 1)}
	var err error
	w.Process, err = child.Start(argv, env, w.hear)
	return w, err
}

func (w *Worker) hear(line []byte) bool {
	var a commands.Answer
	if err := json.Unmarshal(line, &a); err != nil || a.OK == (a.Error != "") {
		return false
	}
	w.note("%s", child.Tail(string(line)))
	select {
	case w.answers <- a:
		return true
	default:
		return false // Nobody has asked.
	}
}

func (w *Worker) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.story, time.Now().Format("05.000 ")+format+"\n", args...)
}

// Story is what the program was told and what it answered.
func (w *Worker) Story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.story.String()
}

// Ask gives a command and waits for its answer. An error is that there is none: the
// program has ended then, so that what it might say yet is no answer to anything else.
func (w *Worker) Ask(command string) (commands.Answer, error) {
	w.note("%s", command)
	if err := w.Tell(command); err != nil {
		return commands.Answer{}, fmt.Errorf("%s: %w", command, err)
	}
	select {
	case a := <-w.answers:
		return a, nil
	case <-w.Ended():
		return commands.Answer{}, fmt.Errorf("%s: the program ended: %v", command, w.State())
	case <-time.After(answerTime):
		w.Kill()
		return commands.Answer{}, fmt.Errorf("%s: no answer after %v", command, answerTime)
	}
}
