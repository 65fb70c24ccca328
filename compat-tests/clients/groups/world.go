package groups

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

const (
	// scenarioTime bounds one scenario: far more than the half minute that the
	// slowest takes, as JVMs on a machine that does other things start slowly.
	scenarioTime = 4 * time.Minute
	// sessionTimeout is how long a broker takes to miss a crashed member. A loaded
	// machine must not make others miss theirs.
	sessionTimeout = 8 * time.Second
	// heartbeatInterval is for members of the classic protocol.
	heartbeatInterval = 300 * time.Millisecond
	// consumerHeartbeat is for those of the consumer protocol. It is also how long
	// librdkafka waits for the answer: one that comes too late is lost to it, with
	// Apache Kafka too, and with it what the member was given.
	consumerHeartbeat = time.Second
)

// world is a group, its topic and all members that it ever had.
type world struct {
	t          *testing.T
	ctx        context.Context // ends with the scenario's time
	shared     *testbroker.Shared
	client     *Client
	flavour    Flavour
	partitions int32
	topic      string
	group      string
	adm        *kadm.Client
	members    []*member
	rewound    bool
}

func newWorld(t *testing.T, shared *testbroker.Shared, c *Client, f Flavour) *world {
	t.Helper()
	const partitions = 6
	// Not the client id of a member: a broadcast group would take it for one.
	adm := kadm.NewClient(shared.Client(t, kgo.ClientID("scenario")))
	return &world{
		t: t, ctx: testbroker.Context(t, scenarioTime), shared: shared, client: c, flavour: f, partitions: partitions,
		topic: shared.Topic(t, partitions, nil), group: shared.Name(t), adm: adm,
	}
}

// joins are what members are started with beyond what the world has.
type joins struct {
	reset    string
	instance string // "": not static
}

// earliest and latest are dynamic members by where they start.
var (
	earliest = joins{reset: "earliest"}
	latest   = joins{reset: "latest"}
)

// prepare starts the process of a member, which does not join yet.
func (w *world) prepare(j joins) *member {
	w.t.Helper()
	argv := append(slices.Clone(w.client.Command),
		"bootstrap="+w.shared.Addr(), "group="+w.group, "topic="+w.topic, "protocol="+w.flavour.Protocol,
		"session="+millis(sessionTimeout), "heartbeat="+millis(heartbeatInterval), "reset="+j.reset)
	if w.flavour.Assignor != "" {
		argv = append(argv, "assignor="+w.flavour.Assignor)
	}
	name := fmt.Sprint(len(w.members))
	id := name
	if j.instance != "" {
		id = w.group + "-" + j.instance
		argv = append(argv, "instance="+id)
	}
	m := start(w.t, name, id, argv, w.client.Env)
	w.members = append(w.members, m)
	return m
}

// admit has a prepared member join.
func (w *world) admit(m *member) *member {
	w.t.Helper()
	w.ready(m)
	m.Tell(w.t, "go")
	return m
}

// ready waits until a prepared member could join.
func (w *world) ready(m *member) {
	w.t.Helper()
	w.await("a member starts", func() error {
		if events := m.seen(); len(events) == 0 || events[0].Event != ready {
			return fmt.Errorf("member %s is not ready: %v", m.name, events)
		}
		return nil
	})
}

// join starts members that join at once.
func (w *world) join(js ...joins) []*member {
	w.t.Helper()
	members := make([]*member, len(js))
	for i, j := range js {
		members[i] = w.prepare(j)
	}
	for _, m := range members {
		w.admit(m)
		if w.client.OneByOne {
			w.await("one joins", func() error {
				if len(m.owned()) == 0 {
					return fmt.Errorf("member %s has nothing", m.name)
				}
				return nil
			})
		}
	}
	return members
}

// leave has a member leave, and waits for its end.
func (w *world) leave(m *member) {
	w.t.Helper()
	m.mu.Lock()
	m.leaves = true
	m.mu.Unlock()
	m.Tell(w.t, "stop")
	select {
	case <-m.Ended():
	case <-w.ctx.Done():
		w.t.Fatalf("member %s does not leave", m.name)
	}
	if code := m.State().ExitCode(); code != 0 {
		w.t.Fatalf("member %s left with exit code %d", m.name, code)
	}
}

// await waits until there is no error. A member that ended by itself fails the test.
func (w *world) await(what string, try func() error) {
	w.t.Helper()
	testbroker.Await(w.ctx, w.t, what, func() error {
		err := try()
		for _, m := range w.members {
			if err != nil && m.gone() {
				w.t.Fatalf("%s: member %s ended by itself: %v", what, m.name, m.State())
			}
		}
		return err
	})
}

// awaitShared waits until members share all partitions evenly.
func (w *world) awaitShared(what string, members ...*member) {
	w.t.Helper()
	w.await(what, func() error {
		owners := map[int32]string{}
		for _, m := range members {
			ps := m.owned()
			if len(ps) != int(w.partitions)/len(members) {
				return fmt.Errorf("member %s of %d has %v", m.name, len(members), ps)
			}
			for _, p := range ps {
				owners[p] = m.name
			}
		}
		if len(owners) != int(w.partitions) {
			return fmt.Errorf("of %d partitions only %v have an owner", w.partitions, owners)
		}
		return nil
	})
}

// committedAt is what a group has committed, by partition; -1: nothing.
func (w *world) committedAt() ([]int64, error) {
	offsets, err := w.adm.FetchOffsets(w.ctx, w.group)
	if err != nil {
		return nil, err
	}
	at := make([]int64, w.partitions)
	for p := range at {
		at[p] = -1
		if o, ok := offsets.Lookup(w.topic, int32(p)); ok {
			if o.Err != nil {
				return nil, o.Err
			}
			at[p] = o.At
		}
	}
	return at, nil
}

// awaitCommitted waits until the group has committed offsets.
func (w *world) awaitCommitted(what string, want []int64) {
	w.t.Helper()
	w.await(what, func() error {
		at, err := w.committedAt()
		if err != nil {
			return err
		}
		if !slices.Equal(at, want) {
			return fmt.Errorf("committed is %v, want %v", at, want)
		}
		return nil
	})
}
