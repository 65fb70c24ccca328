package coordinator

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/shard/shardtest"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// consumerSeedsMin is how many random conversations of consumer groups a plain
// test run holds: each ends with a long quiet time.
const consumerSeedsMin = 500

// TestRandomConsumers lets members of consumer groups that do as they are told,
// strangers that do not, and tools work on a coordinator whose journal is slow,
// loses appends and fails to load, while topics come, grow and go. After every
// step the machine must be what its records say, every invariant must hold, and
// no two members may work on the same partition. When all is quiet the groups
// come to rest, and when nobody is heard of they are empty.
func TestRandomConsumers(t *testing.T) {
	shardtest.Flags(t, map[string]int{"rapid.checks": consumerSeedsMin})
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, rt, func(w *consumerWorld) {
			rt.Repeat(map[string]func(*rapid.T){
				"": w.check, "beat": w.beatAny, "beat more": w.beatAny, "all beat": w.round, "all beat again": w.round,
				"obey": w.obeyAny, "crash": w.crash, "leave": w.leave, "change": w.change, "stranger": w.stranger,
				"give up": w.giveUp, "commit": w.commit, "classic": w.classic, "delete": w.deleteGroup,
				"rewind": w.rewind, "undo": w.undo, "call off": w.callOff,
				"topics": w.reshape, "advance": w.advance, "journal": w.disturb, "restart": w.restart,
				"hang up": w.hangUp, "switch": w.switchMode, "transact": w.transact,
			})
			w.end(rt)
		})
	})
}

// inBubble plays a random conversation in a bubble of its own.
func inBubble(t *testing.T, rt *rapid.T, play func(*consumerWorld)) {
	t.Helper()
	shardtest.Bubble(t, func() *consumerWorld { return newConsumerWorld(rt) }, play, func(w *consumerWorld) {
		w.journal.Release(-1)
		w.groups.Close()
	})
}

// client is a member of a consumer group as a library has it. It lets go of
// partitions before it says so, and takes new ones only when it was told to.
type client struct {
	group, id string
	instance  *string
	topics    []string
	regex     *string

	epoch   int32
	life    int        // which group of that name it joined: epochs begin anew with each
	working partitions // what it works on
	local   partitions // what it says that it owns: of the last assignment that it came to
	target  partitions // what it was told to come to
	told    int32      // in which epoch
	took    map[part]int32
	sent    partitions // what it last said
	full    bool       // it says everything, as it does after an error
	asked   int        // counts its requests
	waits   bool       // for the answer to the last one
	gone    bool

	connection int // of the world's; it may be shared
}

func (c *client) fenced() {
	c.took = nil
	c.epoch, c.working, c.local, c.target, c.sent = epochJoin, nil, nil, nil, nil
}

// release lets go of what it shall not have; take takes what it shall.
func (c *client) release() { c.workOn(c.working.and(c.target)) }

func (c *client) take() {
	c.workOn(c.target)
	c.local = c.target
}

func (c *client) request() *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch, req.InstanceID = 1, c.group, c.id, c.epoch, c.instance
	req.RebalanceTimeoutMillis = unchanged
	if c.epoch == epochJoin || c.full {
		req.RebalanceTimeoutMillis = 20_000
		req.SubscribedTopicNames, req.SubscribedTopicRegex = append([]string{}, c.topics...), c.regex
	}
	if c.epoch == epochJoin || c.full || !c.local.equal(c.sent) {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for _, topic := range c.local.topics() {
			req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: topic, Partitions: slices.Clone(c.local[topic])})
		}
	}
	return req
}

// consumerWorld is one coordinator with one shard, clients and topics.
type consumerWorld struct {
	world
	clients []*client
	shaped  shapedTopics
	made    int
	bad     string

	switched map[string]bool // groups that have been in broadcast mode
}

func newConsumerWorld(rt *rapid.T) *consumerWorld {
	w := &consumerWorld{world: world{
		clock: clock.NewManual(time.UnixMilli(1_000_000)), journal: &shard.Memory{}, broadcast: map[string]bool{},
	}, switched: map[string]bool{}}
	w.shaped.all = []Topic{{Name: "t", ID: model.TopicID{1}, Partitions: 3}}
	w.start(rt)
	return w
}

func (w *consumerWorld) start(rt *rapid.T) {
	config := DefaultConfig()
	config.Shards, config.ConsumerMembersMax, config.BatchBytesMax = 1, 4, 300
	if w.appendMax > 0 {
		config.BatchBytesMax, config.UnitBytesMax = w.appendMax, w.appendMax
	}
	config.InitialRebalanceDelay = 0
	config.ConversionRate = rapid.SampledFrom([]int64{50, config.ConversionRate}).Draw(rt, "conversion rate") // 10 s, or at once
	config.OffsetsRetention, config.OffsetsCheckInterval = 2*time.Minute, time.Minute
	groups, err := New(func() Config { return config }, Env{
		Clock: w.clock, Journals: func(int32) Journal { return w.journal },
		View:         w.view,
		MemberSuffix: func() string { w.suffix++; return strconv.Itoa(w.suffix) },
		Refuses:      w.refuses,
	})
	if err != nil {
		rt.Fatal(err)
	}
	w.groups = groups
	for i := range w.connections {
		w.connections[i] = groups.NewSession()
	}
	go func() { _ = w.groups.Load(0) }() // a failure is retried
	synctest.Wait()
}

func (w *consumerWorld) view() View {
	v := w.shaped.view()
	v.modes = maps.Clone(w.broadcast)
	return v
}

func (w *consumerWorld) switchMode(rt *rapid.T) {
	w.world.switchMode(rt)
	for group, on := range w.broadcast {
		w.switched[group] = w.switched[group] || on
	}
}

// hangUp ends a connection; what was under way on it is not heard of any more.
func (w *consumerWorld) hangUp(rt *rapid.T) {
	at := rapid.IntRange(0, len(w.connections)-1).Draw(rt, "connection")
	w.connections[at].Close()
	w.connections[at] = w.groups.NewSession()
	for _, c := range w.clients {
		if c.connection == at && c.waits {
			c.giveUp()
		}
	}
}

// caller is the client on its connection. Most look alike.
func (w *consumerWorld) callerOf(c *client) Caller {
	return Caller{ClientID: "c", ClientHost: "h", Session: w.connections[c.connection]}
}

// someClient returns one that lives; there are at most five.
func (w *consumerWorld) someClient(rt *rapid.T) *client {
	w.clients = slices.DeleteFunc(w.clients, func(c *client) bool { return c.gone })
	at := rapid.IntRange(0, 4).Draw(rt, "client")
	if at < len(w.clients) {
		return w.clients[at]
	}
	c := &client{group: w.group(rt)}
	if rapid.IntRange(0, 2).Draw(rt, "static") == 0 {
		instance := rapid.SampledFrom([]string{"i", "j"}).Draw(rt, "instance")
		c.instance = &instance
	}
	w.enroll(rt, c)
	return c
}

func (w *consumerWorld) enroll(rt *rapid.T, c *client) {
	w.made++
	c.id = "m" + strconv.Itoa(w.made)
	c.connection = rapid.IntRange(0, len(w.connections)-1).Draw(rt, "connection")
	c.subscribe(rt)
	w.clients = append(w.clients, c)
}

func (c *client) subscribe(rt *rapid.T) {
	c.topics = rapid.SampledFrom([][]string{{"t"}, {"t"}, {"t", "u"}, {"u", "v"}, {}}).Draw(rt, "topics")
	regex := rapid.SampledFrom([]string{"", "", "u|v", "."}).Draw(rt, "regex")
	c.regex = &regex
}

func (w *consumerWorld) beatAny(rt *rapid.T) {
	w.beat(w.someClient(rt), rapid.IntRange(0, 5).Draw(rt, "lost") == 0)
}

// beat sends a heartbeat, unless one is under way; its answer may be lost.
func (w *consumerWorld) beat(c *client, lost bool) {
	if c.waits {
		return
	}
	req := c.request()
	c.asked++
	asked := c.asked
	c.waits = true
	w.groups.ConsumerHeartbeat(req, w.callerOf(c), expect(&w.world, func(r *kmsg.ConsumerGroupHeartbeatResponse) {
		if c.asked != asked || c.gone {
			return // it gave up on this one
		}
		c.waits = false
		if lost {
			c.full = true
			return
		}
		w.heard(c, req, r)
	}))
}

func (w *consumerWorld) heard(c *client, req *kmsg.ConsumerGroupHeartbeatRequest, r *kmsg.ConsumerGroupHeartbeatResponse) {
	switch protocol.ErrorCode(r.ErrorCode) {
	case protocol.NoError:
	case protocol.FencedMemberEpoch, protocol.UnknownMemberID:
		c.fenced()
		return
	case protocol.CoordinatorLoadInProgress, protocol.CoordinatorNotAvailable:
		c.full = true
		return
	case protocol.UnreleasedInstanceID, protocol.GroupMaxSizeReached, protocol.GroupIDNotFound:
		if c.epoch != epochJoin {
			w.bad = "a member is told " + beatText(r)
		}
		return
	case protocol.FencedInstanceID:
		if c.instance == nil {
			w.bad = "a dynamic member is told " + beatText(r)
		}
		c.gone = true
		return
	default:
		w.bad = "an honest client is told " + beatText(r)
		return
	}
	if c.epoch == epochJoin {
		c.life = w.lives(c)
	}
	if r.MemberEpoch < c.epoch || r.MemberEpoch < 1 {
		w.bad = fmt.Sprintf("epoch %d after %d", r.MemberEpoch, c.epoch)
	}
	c.epoch, c.full = r.MemberEpoch, false
	if req.Topics != nil {
		c.sent = ownedOf(req)
	}
	if r.Assignment != nil {
		c.target, c.told = partitions{}, c.epoch
		for _, t := range r.Assignment.Topics {
			c.target.put(t.TopicID, slices.Clone(t.Partitions))
		}
	}
}

// lives counts how often the client's group was deleted before the client got its
// epoch; the answer may be heard only after another deletion.
func (w *consumerWorld) lives(c *client) int {
	deleted, life := 0, 0
	for _, r := range w.journal.All() {
		switch {
		case r.Value == nil && bytes.Equal(r.Key, consumerKeyOf(consumerEpochKey, c.group, "")):
			deleted++
		case r.Value != nil && bytes.Equal(r.Key, consumerKeyOf(memberCurrentKey, c.group, c.id)):
			life = deleted
		}
	}
	return life
}

func (w *consumerWorld) obeyAny(rt *rapid.T) {
	c := w.someClient(rt)
	c.release()
	if rapid.Bool().Draw(rt, "take") {
		c.take()
	}
}

// round lets every client obey and send a heartbeat.
func (w *consumerWorld) round(*rapid.T) {
	for _, c := range w.clients {
		c.take()
		w.beat(c, false)
		synctest.Wait()
	}
}

// giveUp lets a client wait no longer for an answer.
func (w *consumerWorld) giveUp(rt *rapid.T) {
	w.someClient(rt).giveUp()
}

func (c *client) giveUp() {
	c.asked++
	c.waits, c.full = false, true
}

// crash lets another process take a client's place.
func (w *consumerWorld) crash(rt *rapid.T) {
	old := w.someClient(rt)
	old.gone = true
	w.enroll(rt, &client{group: old.group, instance: old.instance})
}

func (w *consumerWorld) leave(rt *rapid.T) {
	c := w.someClient(rt)
	req := c.request()
	req.MemberEpoch, req.Topics = epochLeave, nil
	if c.instance != nil && rapid.Bool().Draw(rt, "for a while") {
		req.MemberEpoch = epochAway
	}
	c.gone = true
	w.groups.ConsumerHeartbeat(req, w.callerOf(c), expect(&w.world, func(*kmsg.ConsumerGroupHeartbeatResponse) {}))
}

func (w *consumerWorld) change(rt *rapid.T) {
	c := w.someClient(rt)
	c.subscribe(rt)
	c.full = true
}

// stranger sends what no honest member would.
func (w *consumerWorld) stranger(rt *rapid.T) {
	c := w.someClient(rt)
	req := c.request()
	req.MemberEpoch = rapid.Int32Range(-2, 9).Draw(rt, "epoch")
	req.MemberID = rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "id")
	if rapid.Bool().Draw(rt, "future") {
		req.MemberID, req.MemberEpoch = c.id, c.epoch+1000
	}
	if rapid.Bool().Draw(rt, "as a dynamic member") {
		req.InstanceID = nil
	}
	req.SubscribedTopicNames, req.RebalanceTimeoutMillis = []string{"t"}, rapid.Int32Range(-1, 3000).Draw(rt, "timeout")
	req.Topics = rapid.SampledFrom([][]kmsg.ConsumerGroupHeartbeatRequestTopic{
		nil, {}, {{TopicID: model.TopicID{1}, Partitions: []int32{0, 1, 7}}},
	}).Draw(rt, "owned")
	w.groups.ConsumerHeartbeat(req, Caller{}, expect(&w.world, func(*kmsg.ConsumerGroupHeartbeatResponse) {}))
}

// classic tries to join by the other protocol, and to make use of it.
func (w *consumerWorld) classic(rt *rapid.T) {
	w.sendJoin(rt, identity{group: w.group(rt)}, 3)
	w.heartbeat(rt)
}

func (w *consumerWorld) deleteGroup(rt *rapid.T) { w.delete(rt) }

func (w *consumerWorld) reshape(rt *rapid.T) {
	name := rapid.SampledFrom([]string{"t", "u", "v"}).Draw(rt, "topic")
	h := &w.shaped
	h.version++
	at, topic := h.find(name)
	h.all = slices.Clone(h.all)
	switch {
	case at < 0:
		h.made++
		h.all = append(h.all, Topic{Name: name, ID: model.TopicID{h.made, name[0]}, Partitions: 2})
	case topic.Partitions < 6 && rapid.IntRange(0, 3).Draw(rt, "grow") > 0:
		h.all[at].Partitions++
	default:
		h.all = slices.Delete(h.all, at, at+1)
	}
	if rapid.IntRange(0, 3).Draw(rt, "told") > 0 { // a notice may be late
		w.groups.TopicsChanged([]string{name})
	}
}

func (w *consumerWorld) restart(rt *rapid.T) {
	w.groups.Close()
	shardtest.Settle(rt, w.journal)
	w.journal.Set(func(j *shard.MemoryState) { j.Broken, j.LoadErr = false, nil })
	w.start(rt)
}

func (w *consumerWorld) check(rt *rapid.T) {
	w.world.check(rt)
	w.checkClients(rt)
}

// checkClients checks what the clients see, and what is meant for them.
func (w *consumerWorld) checkClients(rt *rapid.T) {
	if w.bad != "" {
		rt.Fatal(w.bad)
	}
	m := w.groups.machine(0)
	for i, c := range w.clients {
		for _, other := range w.clients[:i] {
			if c.gone || other.gone || c.group != other.group || len(c.working.and(other.working)) == 0 {
				continue
			}
			if m != nil && m.memberOf(c) != m.memberOf(other) {
				continue // each has all partitions
			}
			if !w.switched[c.group] && c.epoch == other.epoch && c.life == other.life || m != nil && m.vouches(c) && m.vouches(other) {
				rt.Fatalf("%s of epoch %d and %s of epoch %d both work on %v", c.id, c.epoch, other.id, other.epoch, c.working.and(other.working))
			}
		}
	}
	if m == nil {
		return
	}
	if err := checkHolders(m); err != nil {
		rt.Fatal(err)
	}
	for _, g := range m.groups {
		if err := checkTargets(g, w.shaped.view()); err != nil {
			rt.Fatalf("group %s: %v", g.id, err)
		}
	}
}

// vouches reports whether the client is a member as it believes to be.
func (m *machine) vouches(c *client) bool {
	g := m.memberOf(c)
	if g == nil {
		return false
	}
	current := g.consumer.members[c.id].current
	return c.epoch == current.epoch || c.epoch == current.previous
}

// memberOf is the group or the cell that the client is in.
func (m *machine) memberOf(c *client) *group {
	for id, g := range m.groups {
		if base, _ := baseOf(id); base == c.group && g.consumer != nil && g.consumer.members[c.id] != nil {
			return g
		}
	}
	return nil
}

// end lets all come to rest, and then to an end.
func (w *consumerWorld) end(rt *rapid.T) {
	w.journal.Set(func(j *shard.MemoryState) { j.Hold, j.LoadErr = false, nil })
	w.journal.Release(-1)
	w.clock.Advance(2 * time.Second) // a load is tried again
	synctest.Wait()
	w.endTransactions(rt)
	for _, name := range []string{"t", "u", "v"} {
		w.groups.TopicsChanged([]string{name})
	}
	for _, c := range w.clients {
		c.giveUp()
	}
	for range 30 { // strangers and those that are gone time out meanwhile
		w.round(rt)
		w.clock.Advance(3 * time.Second)
		synctest.Wait()
		w.checkClients(rt)
	}
	w.check(rt)
	m := w.groups.machine(0)
	for _, c := range w.clients {
		g := m.memberOf(c)
		switch {
		case c.gone:
		case g != nil && g.cell != w.broadcast[c.group]:
			rt.Fatalf("%s is in %s, broadcast is %v", c.id, g.id, w.broadcast[c.group])
		case g == nil:
			if c.instance == nil && len(w.clients) <= 4 {
				rt.Fatalf("%s could not get into its group", c.id)
			}
		case g.consumer.state() != consumerStable || !c.working.equal(g.consumer.targets[c.id]):
			rt.Fatalf("%s works on %v, its target is %v, the group %s", c.id, c.working, g.consumer.targets[c.id], g.consumer.state())
		}
	}
	w.checkRewound(rt)
	w.clock.Advance(2 * time.Minute)
	synctest.Wait()
	w.check(rt)
	if m := w.groups.machine(0); m.census[kindConsumer][consumerEmpty] != sum(m.census[kindConsumer][:]) {
		rt.Fatalf("groups without clients: %v", m.census)
	}
	w.world.end(rt)
}

func sum(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// checkTargets checks that targets which are up to date cover each subscribed
// partition exactly once, and give nobody what it did not subscribe to; and that
// something will make them up to date otherwise.
func checkTargets(g *group, v View) error {
	c := g.consumer
	if c == nil || len(c.members) == 0 {
		return nil
	}
	if c.epoch > c.assignmentEpoch || c.hashTopics(v) != c.hash {
		return nil
	}
	taken := g.marked(&step{view: v})
	dealt := taken
	for id, target := range c.targets {
		if len(dealt.and(target)) > 0 {
			return fmt.Errorf("%v is meant for two members, or to be taken away (%v)", dealt.and(target), taken)
		}
		dealt = dealt.or(target)
		for topic := range target {
			if !c.subscribes(v, c.members[id].meta, topic) {
				return fmt.Errorf("%s has a target in %v and does not subscribe to it", id, topic)
			}
		}
	}
	for name := range c.index.subscribers {
		if t, ok := v.Topic(name); ok && len(dealt[t.ID]) != int(t.Partitions) {
			return fmt.Errorf("topic %s of %d partitions is dealt out as %v", name, t.Partitions, dealt[t.ID])
		}
	}
	return nil
}
