package groups

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
)

// member is one process of a client.
type member struct {
	*program.Program
	name string
	id   string // of the instance, if it is static; else its name

	mu     sync.Mutex
	events []event
	end    int64 // when it was killed; 0: it was not
	leaves bool  // it was told to
}

// start starts a member and reads what it prints.
func start(t *testing.T, name, id string, argv, env []string) *member {
	t.Helper()
	m := &member{name: name, id: id}
	m.Program = program.Start(t, "member "+name, argv, env, m.take, m.story)
	return m
}

func (m *member) take(line []byte) bool {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.At == 0 {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
	return true
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

// kill ends the member as a crash would.
func (m *member) kill() {
	m.Kill()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end = now()
}

// gone tells that a member ended by itself, which none may.
func (m *member) gone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Gone() && !m.leaves
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
	return b.String()
}
