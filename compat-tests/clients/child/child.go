// Package child runs one process of a client: it takes commands on stdin, one a line,
// and prints lines.
//
// Goroutines: one for each process, ended by the process.
package child

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// Process is one process of a client.
type Process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}

	mu     sync.Mutex
	errs   strings.Builder // stderr, and lines that take did not want
	killed bool
}

// Start starts a process. take gets each line that it prints, and refuses what is
// none of the protocol's. The kernel kills it with whoever started it.
func Start(argv, env []string, take func(line []byte) bool) (*Process, error) {
	p := &Process{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = (*errWriter)(p)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
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
	return p, nil
}

// lineMost is the longest line: all records of a topic may be in one.
const lineMost = 16 << 20

type errWriter Process

func (w *errWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.errs.Write(b)
}

// Errs is what the process wrote to stderr so far.
func (p *Process) Errs() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errs.String()
}

// Tell sends a command.
func (p *Process) Tell(command string) error {
	_, err := io.WriteString(p.stdin, command+"\n")
	return err
}

// Kill ends the process as a crash would, if it still runs.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
}

// Signal sends a signal: SIGSTOP makes it a zombie, SIGCONT brings it back.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Ended is closed when the process has ended and all it printed was read.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// State is how the process ended.
func (p *Process) State() *os.ProcessState { return p.cmd.ProcessState }

// Gone tells that the process has ended, and was not killed.
func (p *Process) Gone() bool {
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
