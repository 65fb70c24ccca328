package txn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/txn/commands"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/txn/told"
)

// worker is one process of a client's program.
type worker struct {
	*program.Program
	t    *testing.T
	name string
	told *told.Worker
}

type (
	answer = commands.Answer
	record = commands.Record
)

func startWorker(t *testing.T, name string, argv, env []string) *worker {
	t.Helper()
	w, err := told.Start(argv, env)
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	return &worker{program.Adopt(t, name, w.Process, w.Story), t, name, w}
}

// ask gives a command and waits for its answer.
func (w *worker) ask(command string, args ...any) answer {
	w.t.Helper()
	a, err := w.told.Ask(strings.TrimSpace(command + " " + fmt.Sprintln(args...)))
	if err != nil {
		w.t.Fatalf("%s: %v", w.name, err)
	}
	return a
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
