package program

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Program is one process of a client.
type Program struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}

	mu     sync.Mutex
	errs   strings.Builder // stderr, and lines that take did not want
	killed bool
}

// Start starts a program. take gets each line that it prints, and refuses what is
// none of the protocol's. The process ends with the test; if that failed, story is
// what its log says of the program.
func Start(t *testing.T, name string, argv, env []string, take func(line []byte) bool, story func() string) *Program {
	t.Helper()
	p := &Program{name: name, cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = (*errWriter)(p)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		defer close(p.ended)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, lineMost)
		for lines.Scan() {
			if !take(lines.Bytes()) {
				fmt.Fprintf((*errWriter)(p), "stdout: %s\n", lines.Bytes())
			}
		}
		_ = p.cmd.Wait() // how it ended is in its state
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s:\n%s", name, Tail(story()+p.Errs()))
		}
	})
	return p
}

// lineMost is the longest line: all records of a topic may be in one.
const lineMost = 16 << 20

type errWriter Program

func (w *errWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.errs.Write(b)
}

// Errs is what the program wrote to stderr so far.
func (p *Program) Errs() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errs.String()
}

// Tell sends a command.
func (p *Program) Tell(t *testing.T, command string) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, command+"\n"); err != nil {
		t.Fatalf("%s: %s: %v", p.name, command, err)
	}
}

// Kill ends the program as a crash would.
func (p *Program) Kill(t *testing.T) {
	t.Helper()
	p.Signal(t, syscall.SIGKILL)
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
}

// Signal sends a signal: SIGSTOP makes it a zombie, SIGCONT brings it back.
func (p *Program) Signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%v to %s: %v", s, p.name, err)
	}
}

// Ended is closed when the process has ended and all it printed was read.
func (p *Program) Ended() <-chan struct{} { return p.ended }

// State is how the process ended.
func (p *Program) State() *os.ProcessState { return p.cmd.ProcessState }

// Gone tells that the program has ended, and was not killed.
func (p *Program) Gone() bool {
	select {
	case <-p.ended:
	default:
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.killed
}

// Tail is the end of a text.
func Tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "... " + s[len(s)-most:]
	}
	return s
}
