package harness

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopTimeout bounds a clean shutdown before it counts as hung.
const stopTimeout = 2 * time.Minute

// process is a child whose output goes to one log file.
type process struct {
	argv    []string
	logFile string

	cmd  *exec.Cmd
	done chan struct{} // Closed when the child has ended.
	err  error         // The child's end; read it after done.
}

func (p *process) start() error {
	if p.running() {
		return errors.New("start: already running")
	}
	out, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	// Mainstem takes MAINSTEM_ variables for settings; the harness's own are none.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "BROKER_BIN=") || strings.HasPrefix(v, "COMPAT_CACHE=")
	})
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	// The child has its own descriptor.
	err = errors.Join(err, out.Close())
	if err != nil {
		return fmt.Errorf("start %s: %w", p.argv[0], err)
	}
	done := make(chan struct{})
	p.cmd, p.done, p.err = cmd, done, nil
	go func() {
		p.err = cmd.Wait()
		close(done)
	}()
	return nil
}

func (p *process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) pid() int {
	if !p.running() {
		return 0
	}
	return p.cmd.Process.Pid
}

// stop sends SIGTERM and waits; a child that hangs is killed and reported.
func (p *process) stop() error {
	if !p.running() {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop: %w", err)
	}
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("stop: still running %v after SIGTERM, killed", stopTimeout), p.kill())
	}
	// A JVM ends with 143 after SIGTERM.
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.ExitCode() != 143 && !signalled(exit, syscall.SIGTERM) {
		return fmt.Errorf("stop: %w; log: %s", p.err, p.tail())
	}
	return nil
}

func signalled(exit *exec.ExitError, want syscall.Signal) bool {
	ws, ok := exit.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && ws.Signal() == want
}

func (p *process) kill() error {
	if !p.running() {
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill: %w", err)
	}
	<-p.done
	return nil
}

// tail is the end of the log, for error messages.
func (p *process) tail() string {
	const most = 3000
	f, err := os.Open(p.logFile)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil && size > most {
		_, err = f.Seek(-most, io.SeekEnd)
		if err != nil {
			return err.Error()
		}
	} else if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err.Error()
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return p.logFile + "\n" + strings.TrimSpace(string(b))
}
