package everyday

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

const (
	// scenarioTime bounds one scenario, with a broker that is killed and comes back.
	scenarioTime = 4 * time.Minute
	// answerTime bounds an answer: a client may wait before it tries a broker again
	// that was away, and a JVM on a busy machine starts slowly.
	answerTime = 90 * time.Second
	partitions = 3
)

// world is a client's scenario: its program, and what is asked beside it.
type world struct {
	t      *testing.T
	ctx    context.Context // ends with the scenario's time
	shared *testbroker.Shared
	client *Client
	kgo    *kgo.Client
	adm    *kadm.Client
}

func newWorld(t *testing.T, shared *testbroker.Shared, c *Client) *world {
	t.Helper()
	cl := shared.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	return &world{t: t, ctx: testbroker.Context(t, scenarioTime), shared: shared, client: c, kgo: cl, adm: kadm.NewClient(cl)}
}

func (w *world) topic() string { return w.shared.Topic(w.t, partitions, nil) }

// session is one process of the client's program.
type session struct {
	*program.Program
	t       *testing.T
	answers chan commands.Answer

	mu    sync.Mutex
	story strings.Builder
}

// start starts the client's program.
func (w *world) start() *session {
	w.t.Helper()
	// One answer is under way at most, but a program may be killed with one unread.
	s := &session{t: w.t, answers: make(chan commands.Answer, 1)}
	argv := append(slices.Clone(w.client.Command), "bootstrap="+w.shared.Addr())
	s.Program = program.Start(w.t, "the client", argv, w.client.Env, s.hear, s.told)
	return s
}

func (s *session) hear(line []byte) bool {
	var a commands.Answer
	if err := json.Unmarshal(line, &a); err != nil || a.OK == (a.Error != "") {
		return false
	}
	s.note(string(line))
	select {
	case s.answers <- a:
		return true
	default:
		return false // Nobody has asked.
	}
}

// note keeps the beginning of a line: a command may have thousands of records.
func (s *session) note(line string) {
	const most = 600
	if len(line) > most {
		line = line[:most] + "..."
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.story, "%s %s\n", time.Now().Format("05.000"), line)
}

func (s *session) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.story.String()
}

// tell gives a command, the answer to which is waited for later.
func (s *session) tell(words ...any) {
	s.t.Helper()
	line := strings.TrimSpace(fmt.Sprintln(words...))
	s.note(line)
	s.Tell(s.t, line)
}

// must gives a command that has to succeed.
func (s *session) must(words ...any) commands.Answer {
	s.t.Helper()
	s.tell(words...)
	return s.answer(words[0])
}

// answer waits for that to the command told last.
func (s *session) answer(command any) commands.Answer {
	s.t.Helper()
	select {
	case a := <-s.answers:
		if !a.OK {
			s.t.Fatalf("%v: %s", command, a.Error)
		}
		return a
	case <-s.Ended():
		s.t.Fatalf("%v: the program ended: %v", command, s.State())
	case <-time.After(answerTime):
		s.t.Fatalf("%v: no answer after %v", command, answerTime)
	}
	panic("not reached")
}
