package program

import (
	"syscall"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/child"
)

// Program is a process of a client that ends with its test.
type Program struct {
	*child.Process
	name string
}

// Start starts a program; take is as in child.Start. If the test failed, story is
// what its log says of the program.
func Start(t *testing.T, name string, argv, env []string, take func(line []byte) bool, story func() string) *Program {
	t.Helper()
	p, err := child.Start(argv, env, take)
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	return Adopt(t, name, p, story)
}

// Adopt has a process end with a test.
func Adopt(t *testing.T, name string, p *child.Process, story func() string) *Program {
	t.Helper()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s:\n%s", name, child.Tail(story()+p.Errs()))
		}
	})
	return &Program{p, name}
}

// Tell sends a command.
func (p *Program) Tell(t *testing.T, command string) {
	t.Helper()
	if err := p.Process.Tell(command); err != nil {
		t.Fatalf("%s: %s: %v", p.name, command, err)
	}
}

// Signal sends a signal: SIGSTOP makes it a zombie, SIGCONT brings it back.
func (p *Program) Signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatalf("%v to %s: %v", s, p.name, err)
	}
}
