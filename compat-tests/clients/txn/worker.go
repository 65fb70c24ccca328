package txn

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
)

// answerTime bounds an answer: a new member of a group may wait until the broker
// misses one that crashed, and a JVM on a busy machine starts slowly.
const answerTime = 90 * time.Second

// worker is one process of a client's program.
type worker struct {
	*program.Program
	t       *testing.T
	name    string
	answers chan answer

	mu    sync.Mutex
	story strings.Builder
}

// answer is what a program says to a command.
type answer struct {
	OK      bool     `json:"ok"`
	Error   string   `json:"error"`
	Count   int      `json:"count"`
	Records []record `json:"records"`
}

// record is one that was read.
type record struct {
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Value     string `json:"value"`
}

func startWorker(t *testing.T, name string, argv, env []string) *worker {
	t.Helper()
	// One answer is under way at most, but a program may be killed with one unread.
	w := &worker{t: t, name: name, answers: make(chan answer, 1)}
	w.Program = program.Start(t, name, argv, env, w.hear, w.told)
	return w
}

func (w *worker) hear(line []byte) bool {
	var a answer
	if err := json.Unmarshal(line, &a); err != nil || a.OK == (a.Error != "") {
		return false
	}
	w.note("%s", program.Tail(string(line)))
	w.answers <- a
	return true
}

func (w *worker) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.story, time.Now().Format("05.000 ")+format+"\n", args...)
}

func (w *worker) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.story.String()
}

// ask gives a command and waits for its answer.
func (w *worker) ask(command string, args ...any) answer {
	w.t.Helper()
	line := strings.TrimSpace(command + " " + fmt.Sprintln(args...))
	w.note("%s", line)
	w.Tell(w.t, line)
	select {
	case a := <-w.answers:
		return a
	case <-w.Ended():
		w.t.Fatalf("%s: %s: the program ended: %v", w.name, line, w.State())
	case <-time.After(answerTime):
		w.t.Fatalf("%s: %s: no answer after %v", w.name, line, answerTime)
	}
	return answer{}
}

// must gives a command that has to succeed.
func (w *worker) must(command string, args ...any) answer {
	w.t.Helper()
	a := w.ask(command, args...)
	if !a.OK {
		w.t.Fatalf("%s: %s: %s", w.name, command, a.Error)
	}
	return a
}

// mustFail gives a command that has to fail.
func (w *worker) mustFail(why, command string, args ...any) {
	w.t.Helper()
	if a := w.ask(command, args...); a.OK {
		w.t.Fatalf("%s: %s went well, though %s", w.name, command, why)
	}
}
