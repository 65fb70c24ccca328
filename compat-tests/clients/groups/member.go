package groups

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// member is one process of a client.
type member struct {
	name  string
	id    string // of the instance, if it is static; else its name
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when the process has ended and all it printed was read

	mu     sync.Mutex
	events []event
	errs   strings.Builder // stderr, and lines that are none of the protocol's
	end    int64           // when it was killed; 0: it was not
	leaves bool            // it was told to
}

// start starts a member and reads what it prints.
func start(t *testing.T, name, id string, argv, env []string) *member {
	t.Helper()
	m := &member{name: name, id: id, cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	m.cmd.Env = append(os.Environ(), env...)
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.cmd.Stderr = (*errWriter)(m)
	stdout, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if m.stdin, err = m.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatalf("start member %s: %v", name, err)
	}
	go func() {
		defer close(m.ended)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			m.take(lines.Bytes())
		}
		_ = m.cmd.Wait() // how it ended is in its state
	}()
	t.Cleanup(func() {
		_ = m.cmd.Process.Kill()
		<-m.ended
		if t.Failed() {
			t.Logf("member %s:\n%s", name, m.story())
		}
	})
	return m
}

type errWriter member

func (w *errWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.errs.Write(p)
}

func (m *member) take(line []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.At == 0 {
		fmt.Fprintf(&m.errs, "stdout: %s\n", line)
		return
	}
	m.events = append(m.events, e)
}

// seen are the events so far.
func (m *member) seen() []event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

// owned are the partitions that the member has.
func (m *member) owned() []int32 {
	has := map[int32]bool{}
	for _, e := range m.seen() {
		switch e.Event {
		case assigned:
			for _, p := range e.Partitions {
				has[p] = true
			}
		case revoked, lost:
			for _, p := range e.Partitions {
				delete(has, p)
			}
		case closing:
			clear(has)
		}
	}
	var ps []int32
	for p := range has {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	return ps
}

// moves is how often partitions came or went.
func (m *member) moves() (n int) {
	for _, e := range m.seen() {
		if (e.Event == assigned || e.Event == revoked || e.Event == lost) && len(e.Partitions) > 0 {
			n++
		}
	}
	return n
}

// tell sends a command.
func (m *member) tell(t *testing.T, command string) {
	t.Helper()
	if _, err := io.WriteString(m.stdin, command+"\n"); err != nil {
		t.Fatalf("member %s: %s: %v", m.name, command, err)
	}
}

// kill ends the member as a crash would.
func (m *member) kill(t *testing.T) {
	t.Helper()
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatalf("kill member %s: %v", m.name, err)
	}
	<-m.ended
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end = now()
}

// gone tells that a member ended by itself, which none may.
func (m *member) gone() bool {
	select {
	case <-m.ended:
	default:
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end == 0 && !m.leaves
}

// story is what happened to a member, for the log of a failed test. Records and
// commits between two other events are summed up.
func (m *member) story() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	records := 0
	offsets := map[string]int64{}
	sum := func() {
		if records > 0 || len(offsets) > 0 {
			fmt.Fprintf(&b, "  %d records, committed %v\n", records, offsets)
		}
		records = 0
		clear(offsets)
	}
	for _, e := range m.events {
		switch e.Event {
		case record:
			records++
		case committed:
			maps.Copy(offsets, e.Offsets)
		default:
			sum()
			fmt.Fprintf(&b, "%.3f %s", seconds(e.At), e.Event)
			if e.Partitions != nil {
				fmt.Fprintf(&b, " %v in generation %d", e.Partitions, e.Generation)
			}
			fmt.Fprintf(&b, " %s\n", e.Text)
		}
	}
	sum()
	if m.end > 0 {
		fmt.Fprintf(&b, "%.3f killed\n", seconds(m.end))
	}
	b.WriteString(tail(m.errs.String()))
	return tail(b.String())
}

// tail is the end of a text.
func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "... " + s[len(s)-most:]
	}
	return s
}
