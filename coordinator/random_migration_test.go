package coordinator

import (
	"cmp"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/shard/shardtest"
	"github.com/mainstem-mq/mainstem/protocol"
)

const migrationSeedsMin = 300

// TestRandomMigration lets members of both protocols work in the same groups, which
// change their kind as members come and go; see TestRandomConsumers.
func TestRandomMigration(t *testing.T) {
	shardtest.Flags(t, map[string]int{"rapid.checks": migrationSeedsMin})
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, rt, func(plain *consumerWorld) {
			w := &mixedWorld{consumerWorld: plain, cooperative: rapid.Bool().Draw(rt, "cooperative")}
			rt.Repeat(map[string]func(*rapid.T){
				"": w.check, "beat": w.beatAny, "all beat": w.round, "all go on": w.roundMixed, "all go on again": w.roundMixed,
				"obey": w.obeyAny, "crash": w.crash, "leave": w.leave, "change": w.change, "give up": w.giveUp,
				"classic": w.goOnAny, "classic again": w.goOnAny, "classic leaves": w.leaveClassic, "classic crashes": w.crashClassic,
				"commit": w.commit, "topics": w.reshape, "advance": w.advance, "journal": w.disturb, "restart": w.restart,
				"transact": w.transact,
			})
			w.end(rt)
		})
	})
}

// mixedWorld also has clients of the classic protocol, of one way to rebalance.
type mixedWorld struct {
	*consumerWorld
	classics    []*classicClient
	cooperative bool
}

// classicClient is a member as a library has it. A cooperative one works on while it
// joins and lets go of what it was not given again; an eager one lets go before.
type classicClient struct {
	client
	joined bool // it knows its generation, and has to ask for its assignment
	stable bool
	leads  []kmsg.JoinGroupResponseMember
}

// forget is what a client does that is told it is out: it has nothing.
func (c *classicClient) forget(id string) {
	c.id, c.epoch, c.working, c.joined, c.stable = id, -1, nil, false, false
}

func (w *mixedWorld) someClassic(rt *rapid.T) *classicClient {
	w.classics = slices.DeleteFunc(w.classics, func(c *classicClient) bool { return c.gone })
	at := rapid.IntRange(0, 2).Draw(rt, "classic")
	if at < len(w.classics) {
		return w.classics[at]
	}
	c := &classicClient{client: client{group: w.group(rt), epoch: -1}}
	c.topics = rapid.SampledFrom([][]string{{"t"}, {"t", "u"}}).Draw(rt, "topics")
	if rapid.IntRange(0, 2).Draw(rt, "static") == 0 {
		instance := rapid.SampledFrom([]string{"i", "j"}).Draw(rt, "instance")
		c.instance = &instance
	}
	w.classics = append(w.classics, c)
	return c
}

func (w *mixedWorld) goOnAny(rt *rapid.T) { w.goOn(w.someClassic(rt)) }

func (w *mixedWorld) roundMixed(rt *rapid.T) {
	w.round(rt)
	for range 4 { // join, also with an id, sync
		for _, c := range w.classics {
			w.goOn(c)
			synctest.Wait()
		}
	}
}

// goOn takes a client's next step, unless one is under way.
func (w *mixedWorld) goOn(c *classicClient) {
	switch {
	case c.waits || c.gone:
	case c.stable:
		w.heartbeat(c)
	case c.joined:
		w.sync(c)
	default:
		w.join(c)
	}
}

// heed does what all answers have in common; false: there is no more to them.
func (w *mixedWorld) heed(c *classicClient, asked int, code int16) bool {
	if c.asked != asked || c.gone {
		return false
	}
	c.waits = false
	switch protocol.ErrorCode(code) {
	case protocol.NoError:
		return true
	case protocol.RebalanceInProgress:
		c.joined, c.stable = false, false
	case protocol.UnknownMemberID:
		c.forget("")
	case protocol.IllegalGeneration:
		c.forget(c.id)
	case protocol.FencedInstanceID:
		c.gone = true
	case protocol.CoordinatorLoadInProgress, protocol.CoordinatorNotAvailable, protocol.GroupMaxSizeReached, protocol.MemberIDRequired:
	default:
		w.bad = "an honest classic client is told " + protocol.ErrorCode(code).String()
	}
	return false
}

func (c *classicClient) ask() int {
	c.asked++
	c.waits = true
	return c.asked
}

func (w *mixedWorld) join(c *classicClient) {
	if !w.cooperative {
		c.working = nil
	}
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.ProtocolType = 9, c.group, c.id, c.instance, consumerType
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 10_000, 20_000
	var owned []AssignedTopic
	for _, t := range namesOf(w.view(), c.working) {
		owned = append(owned, AssignedTopic{t.Topic, slices.Clone(t.Partitions)})
	}
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "p", Metadata: subscriptionOf(c.topics, owned, c.epoch)}}
	asked := c.ask()
	w.groups.Join(req, Caller{ClientID: "k", ClientHost: "h"}, expect(&w.world, func(r *kmsg.JoinGroupResponse) {
		if protocol.ErrorCode(r.ErrorCode) == protocol.MemberIDRequired && c.asked == asked {
			c.id = r.MemberID
		}
		if w.heed(c, asked, r.ErrorCode) {
			c.id, c.epoch, c.joined, c.leads = r.MemberID, r.Generation, true, nil
			if r.LeaderID == r.MemberID {
				c.leads = r.Members
			}
		}
	}))
}

// subscriptionOf is version 2 of it.
func subscriptionOf(topics []string, owned []AssignedTopic, generation int32) []byte {
	b := subscription(topics)
	b[1] = 2
	body := encodeAssignment(0, owned)
	b = append(b[:len(b)-4], body[2:len(body)-4]...)
	return appendInt32(b, generation)
}

func (w *mixedWorld) sync(c *classicClient) {
	req := kmsg.NewPtrSyncGroupRequest()
	protocolType, name := consumerType, "p"
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 5, c.group, c.id, c.instance, c.epoch
	req.ProtocolType, req.Protocol = &protocolType, &name
	for id, given := range w.deal(c.leads) {
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{
			MemberID: id, MemberAssignment: encodeAssignment(1, namesOf(w.view(), given)),
		})
	}
	slices.SortFunc(req.GroupAssignment, func(a, b kmsg.SyncGroupRequestGroupAssignment) int { return cmp.Compare(a.MemberID, b.MemberID) })
	asked := c.ask()
	w.groups.Sync(req, Caller{}, expect(&w.world, func(r *kmsg.SyncGroupResponse) {
		if !w.heed(c, asked, r.ErrorCode) {
			return
		}
		topics, _ := readAssignment(r.MemberAssignment)
		given := partitionsOf(w.view(), topics)
		c.joined, c.stable = false, len(c.working.minus(given)) == 0 // else it joins again
		c.working = given
	}))
}

// deal is what a leader does: nobody gets what another one of the same generation
// says that it owns.
func (w *mixedWorld) deal(members []kmsg.JoinGroupResponseMember) map[string]partitions {
	v, newest := w.view(), int32(-1)
	subs := map[string]memberSubscription{}
	generations := map[string]int32{}
	for _, m := range members {
		sub, _ := decodeSubscription(m.ProtocolMetadata)
		c := shard.Cursor{Rest: m.ProtocolMetadata[sub.generationAt:]}
		subs[m.MemberID], generations[m.MemberID] = sub, c.Int32()
		newest = max(newest, generations[m.MemberID])
	}
	owners := map[string]partitions{}
	for id, sub := range subs {
		if generations[id] == newest {
			owners[id] = partitionsOf(v, sub.owned)
		}
	}
	out := map[string]partitions{}
	turn := 0
	v.Topics(func(t Topic) bool {
		for partition := range t.Partitions {
			for range members {
				turn++
				id := members[turn%len(members)].MemberID
				if !slices.Contains(subs[id].topics, t.Name) {
					continue
				}
				taken := false
				for other, owned := range owners {
					taken = taken || other != id && owned.has(t.ID, partition)
				}
				if !taken {
					out[id] = out[id].or(partitions{t.ID: {partition}})
				}
				break
			}
		}
		return true
	})
	return out
}

func (w *mixedWorld) heartbeat(c *classicClient) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 4, c.group, c.id, c.instance, c.epoch
	asked := c.ask()
	w.groups.Heartbeat(req, Caller{}, expect(&w.world, func(r *kmsg.HeartbeatResponse) { w.heed(c, asked, r.ErrorCode) }))
}

func (w *mixedWorld) leaveClassic(rt *rapid.T) {
	c := w.someClassic(rt)
	c.gone = true
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group = 5, c.group
	req.Members = []kmsg.LeaveGroupRequestMember{{MemberID: c.id, InstanceID: c.instance}}
	w.groups.Leave(req, Caller{}, expect(&w.world, func(*kmsg.LeaveGroupResponse) {}))
}

func (w *mixedWorld) crashClassic(rt *rapid.T) { w.someClassic(rt).gone = true }

func (w *mixedWorld) check(rt *rapid.T) {
	w.consumerWorld.check(rt)
	w.checkMixed(rt)
}

// checkMixed checks that nobody works on what a classic client works on, as far
// as both are members and where they believe to be.
func (w *mixedWorld) checkMixed(rt *rapid.T) {
	m := w.groups.machine(0)
	if m == nil {
		return
	}
	for i, c := range w.classics {
		if c.gone || !m.vouchesClassic(c) {
			continue
		}
		for _, other := range w.classics[:i] {
			if !other.gone && other.group == c.group && m.vouchesClassic(other) && len(c.working.and(other.working)) > 0 {
				rt.Fatalf("classic %s and %s both work on %v", c.id, other.id, c.working.and(other.working))
			}
		}
		for _, other := range w.clients {
			if !other.gone && other.group == c.group && m.vouches(other) && len(c.working.and(other.working)) > 0 {
				rt.Fatalf("classic %s of %d and %s of %d both work on %v", c.id, c.epoch, other.id, other.epoch, c.working.and(other.working))
			}
		}
	}
}

// vouchesClassic reports whether the client may commit.
func (m *machine) vouchesClassic(c *classicClient) bool {
	g := m.groups[c.group]
	if g == nil {
		return false
	}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 8, c.group, c.id, c.instance, c.epoch
	return c.epoch >= 0 && c.id != "" && checkCommit(g, req) == protocol.NoError
}

// end lets all come to rest, and then the classic clients go.
func (w *mixedWorld) end(rt *rapid.T) {
	w.journal.Set(func(j *shard.MemoryState) { j.Hold, j.LoadErr = false, nil })
	w.journal.Release(-1)
	for range 40 {
		w.clock.Advance(2_000_000_000)
		synctest.Wait()
		w.roundMixed(rt)
		w.checkMixed(rt)
	}
	w.check(rt)
	for _, c := range w.classics {
		if len(w.clients)+len(w.classics) <= 4 && c.instance == nil && !c.gone && !c.stable {
			rt.Fatalf("classic %s of group %s does not come to rest: joined %v waits %v", c.id, c.group, c.joined, c.waits)
		}
		c.gone = true
	}
	w.consumerWorld.end(rt)
}
