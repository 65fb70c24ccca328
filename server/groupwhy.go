package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
)

// GroupWhy says in words how a group is, and what stands in its way.
type GroupWhy struct {
	Group   string        `json:"group"`
	State   string        `json:"state"`
	Since   time.Time     `json:"since,omitzero"`
	Summary string        `json:"summary"` // one line
	Reasons []GroupReason `json:"reasons"` // what holds it up first
}

// GroupReason is one thing that holds a group up, or that will.
type GroupReason struct {
	// Kind is for programs: initial-delay, join, newcomer, assignment, sync (what
	// a rebalance waits for), assign, downgrade, revoke, holder, heartbeat (the same of a
	// consumer group), rewind, silent, idle, unassigned, stuck, transaction, uncommitted.
	Kind   string    `json:"kind"`
	Member string    `json:"member,omitempty"`
	Client string    `json:"client,omitempty"`
	Host   string    `json:"host,omitempty"`
	Until  time.Time `json:"until,omitzero"` // when that ends by itself at the latest
	Text   string    `json:"text"`           // what is the matter, and what helps
}

// stuckAfter is for how long a partition must have something to read, and
// nothing committed, before that is worth a word.
const stuckAfter = time.Minute

// kindConsumer is the type of groups whose partitions the broker hands out.
const kindConsumer = "consumer"

// pendingAfter is for how long a transaction must have committed offsets, and not be
// over, before that is worth a word.
const pendingAfter = 10 * time.Second

// groupFacts are what a group is explained by, beside its view.
type groupFacts struct {
	rewind       *RewindInShort
	partitions   []GroupPartition
	partitionsOf func(topic string) int
	open         map[model.ProducerID]*txn.View // transactions that are not over
	retention    time.Duration
	now          time.Time
}

// explain says how a group is.
func explain(v *coordinator.GroupView, f *groupFacts) GroupWhy {
	now, rewind, partitions := f.now, f.rewind, f.partitions
	e := explanation{view: v, now: now, members: map[string]*coordinator.MemberView{}}
	for i := range v.Members {
		e.members[v.Members[i].ID] = &v.Members[i]
	}
	for _, b := range v.Blockers {
		e.blocked(b)
	}
	if rewind.emptying() {
		what := "all partitions, and get them again once nobody owns any"
		if v.Kind == kindConsumer {
			what = "the partitions that move and go on with the rest, and get them again once nobody owns one of them"
		}
		e.add("rewind", "", time.Time{}, "a rewind began %s ago: the members give up %s; until then nothing that they commit for the partitions "+
			"that move counts; `group rewind %s --undo` calls it off", words.Span(now.Sub(rewind.Started)), what, words.Quoted(v.ID))
	}
	if len(v.Members) > 0 {
		e.silent()
		if v.State == "Stable" && !rewind.emptying() { // then they are to have nothing
			e.idle(f.partitionsOf)
			e.pending(f.open)
			e.stuck(partitions)
			e.uncommitted(partitions)
		}
	}
	return GroupWhy{
		Group: v.ID, State: v.State, Since: utc(v.Since), Summary: e.summary(f.retention), Reasons: append([]GroupReason{}, e.reasons...),
	}
}

// explanation is one in the making.
type explanation struct {
	view    *coordinator.GroupView
	now     time.Time
	members map[string]*coordinator.MemberView
	reasons []GroupReason
}

// add notes a reason; who it is about, if anybody, is put before the text.
func (e *explanation) add(kind, member string, until time.Time, format string, args ...any) {
	r := GroupReason{Kind: kind, Member: member, Until: utc(until), Text: fmt.Sprintf(format, args...)}
	if m := e.members[member]; m != nil {
		r.Client, r.Host = m.ClientID, m.ClientHost
	}
	e.reasons = append(e.reasons, r)
}

// blocked is what a rebalance waits for.
func (e *explanation) blocked(b coordinator.Blocker) {
	left, out := e.left(b.Until), e.out(b.Until, e.members[b.Member])
	add := func(format string, args ...any) { e.add(string(b.Kind), b.Member, b.Until, format, args...) }
	switch b.Kind {
	case coordinator.BlockedByDelay:
		add("the first rebalance waits for more members, %s more, and longer while they come (group.initial.rebalance.delay.ms)", left)
	case coordinator.BlockedByJoin:
		if m := e.members[b.Member]; m != nil && m.Instance != nil && m.Consumer == nil {
			add("has not joined; %s; the others go on without it in %s; as a static member (%s) it keeps its place until its session ends",
				e.heard(m), left, words.Quoted(*m.Instance))
			return
		}
		add("has not joined; %s; %s. It joins with its next poll: is it busy with what it polled last (max.poll.interval.ms)?",
			e.heard(e.members[b.Member]), out)
	case coordinator.BlockedByNewcomer:
		add("a client was given the member id %s and has not come back with it; given up in %s", words.Quoted(b.Member), left)
	case coordinator.BlockedByLeader:
		add("the leader has not sent the assignment; %s; %s", e.heard(e.members[b.Member]), out)
	case coordinator.BlockedBySync:
		add("has not fetched its assignment; %s; %s, and then the others have to rebalance", e.heard(e.members[b.Member]), out)
	default:
		e.unsettled(b)
	}
}

// unsettled is what a consumer group waits for.
func (e *explanation) unsettled(b coordinator.Blocker) {
	member := e.members[b.Member]
	out := e.out(b.Until, member)
	add := func(format string, args ...any) { e.add(string(b.Kind), b.Member, b.Until, format, args...) }
	switch {
	case b.Kind == coordinator.BlockedByPause:
		add("the members changed, and the next assignment is made in %s at the latest: where many come or go it comes after a pause", e.left(b.Until))
	case b.Kind == coordinator.BlockedByDowngrade:
		add("all members use the classic protocol: the group becomes a classic one in %s. It came from that a short while ago, and each change writes all its members anew", e.left(b.Until))
	case b.Kind == coordinator.BlockedByRevoke:
		since := ""
		if !b.Since.IsZero() {
			since = " for " + words.Span(e.now.Sub(b.Since))
		}
		add("has to give up %s%s and has not said that it did; %s; %s. It does with its next poll: "+
			"is it busy with what it polled last (max.poll.interval.ms)?", setText(b.Partitions), since, e.heard(member), out)
	case b.Kind == coordinator.BlockedByHolder:
		add("waits for %s, which %s holds; that is %s", setText(b.Partitions), e.called(b.Holder), e.out(b.Until, e.members[b.Holder]))
	case member != nil && member.Consumer != nil && member.Consumer.State == coordinator.MemberAway:
		add("a static member that left%s and may come back: nobody gets its partitions until then; %s", e.instance(member), out)
	case len(b.Partitions) > 0:
		add("gets %s with its next heartbeat; %s; %s", setText(b.Partitions), e.heard(member), out)
	default:
		add("has not come since there is a new assignment; %s; %s", e.heard(member), out)
	}
}

func (e *explanation) instance(m *coordinator.MemberView) string {
	if m.Instance == nil {
		return ""
	}
	return " (" + words.Quoted(*m.Instance) + ")"
}

// called names a member as people know it: by its client and host.
func (e *explanation) called(id string) string {
	m := e.members[id]
	if m == nil {
		return "the member " + words.Quoted(id)
	}
	return fmt.Sprintf("%s at %s (member %s)", words.Quoted(m.ClientID), words.Quoted(strings.TrimPrefix(m.ClientHost, "/")), words.Quoted(id))
}

// setTopicsMax is how many topics a sentence names.
const setTopicsMax = 3

// setText lists partitions in a sentence, such as "3 partitions (orders 0 1, audit 0)".
func setText(topics []coordinator.AssignedTopic) string {
	n, names := 0, make([]string, 0, setTopicsMax+1)
	for i, t := range topics {
		n += len(t.Partitions)
		switch {
		case i < setTopicsMax:
			names = append(names, words.Quoted(t.Topic)+" "+words.Ranges(t.Partitions))
		case i == setTopicsMax:
			names = append(names, "...")
		}
	}
	return fmt.Sprintf("%s (%s)", words.Counted(n, "partition", "partitions"), strings.Join(names, "; "))
}

// silent are members that may be gone: of a healthy one something is heard
// every third of its session. One that waits for the group may say nothing.
func (e *explanation) silent() {
	for i := range e.view.Members {
		m := &e.view.Members[i]
		quiet := e.now.Sub(m.Heard)
		if m.Heard.IsZero() || m.Expires.IsZero() || m.Waits || quiet <= m.SessionTimeout/2 || e.named(m.ID) {
			continue
		}
		what := "is it gone?"
		if m.Instance != nil {
			what = fmt.Sprintf("static member (%s): nobody gets its partitions until then", words.Quoted(*m.Instance))
		}
		e.add("silent", m.ID, m.Expires, "%s; out in %s; %s", e.heard(m), e.left(m.Expires), what)
	}
}

func (e *explanation) named(member string) bool {
	return slices.ContainsFunc(e.reasons, func(r GroupReason) bool { return r.Member == member })
}

// idle are members that have nothing to do, and partitions that nobody reads.
func (e *explanation) idle(partitionsOf func(string) int) {
	given := owners(e.view, partitionsOf)
	known, wanted := true, map[string]bool{}
	for i := range e.view.Members {
		m := &e.view.Members[i]
		topics, ok := m.Subscription()
		assigned, read := m.Assignment()
		known = known && ok && read
		for _, t := range topics {
			wanted[t] = true
		}
		if ok && read && len(assigned) == 0 {
			e.add("idle", m.ID, time.Time{}, "was given nothing to do: there are no more partitions than members, or its topics do not exist")
		}
	}
	if !known {
		return
	}
	for _, topic := range slices.Sorted(maps.Keys(wanted)) {
		n, free := partitionsOf(topic), 0
		for p := range n {
			if _, ok := given[partitionKey{topic, int32(p)}]; !ok {
				free++
			}
		}
		switch {
		case n == 0:
			e.add("unassigned", "", time.Time{}, "the topic %s does not exist, but members are subscribed to it", words.Quoted(topic))
		case free > 0:
			e.add("unassigned", "", time.Time{}, "%d of %d partitions of %s were given to nobody: "+
				"was the topic made or grown a moment ago? Clients notice within metadata.max.age.ms", free, n, words.Quoted(topic))
		}
	}
}

// pending are transactions that have committed offsets of the group and are not over:
// members that come to these partitions wait for their ends.
func (e *explanation) pending(open map[model.ProducerID]*txn.View) {
	for _, p := range e.view.Pending {
		waited := e.now.Sub(p.Since)
		if waited < pendingAfter {
			continue
		}
		what := fmt.Sprintf("offsets of %s were committed %s ago in a transaction of producer %d", setText(p.Topics), words.Span(waited), p.Producer)
		const waits = "a member that is given one of these partitions now gets no offset, and reads nothing, until that is over"
		v := open[p.Producer]
		if v == nil {
			e.add("transaction", "", time.Time{}, "%s, which no coordinator knows: %s; `mainstem txn list --hanging --topics %s` says how to end it",
				what, waits, cluster.OffsetsTopic)
			continue
		}
		t := summarizeTxn(v)
		ends := "it is decided, and its markers are being written"
		if !t.AbortedAt.IsZero() {
			ends = fmt.Sprintf("it is aborted in %s unless its producer ends it, or now by `mainstem txn abort %s`", e.left(t.AbortedAt), words.Quoted(t.ID))
		}
		e.add("transaction", "", t.AbortedAt, "%s (%s), which is not over: %s; %s", what, words.Quoted(t.ID), waits, ends)
	}
}

// isPending reports whether an offset of a partition waits for its transaction's end.
func (e *explanation) isPending(topic string, partition int32) bool {
	return slices.ContainsFunc(e.view.Pending, func(p coordinator.PendingCommit) bool {
		return slices.ContainsFunc(p.Topics, func(t coordinator.AssignedTopic) bool {
			_, there := slices.BinarySearch(t.Partitions, partition)
			return there && t.Topic == topic
		})
	})
}

// stuck are partitions with something to read of which nothing is committed.
func (e *explanation) stuck(partitions []GroupPartition) {
	for i := range partitions {
		p := &partitions[i]
		if p.Lag == nil || p.Member == "" || p.Lag.Seconds < stuckAfter.Seconds() || e.now.Sub(p.CommittedAt) < stuckAfter {
			continue
		}
		if p.LastStable != nil && (p.barren || *p.Committed >= *p.LastStable) {
			e.add("transaction", p.Member, time.Time{}, "%s-%d: %d records behind, all that it can be given of them behind offset %d, where a transaction is open: who reads committed data "+
				"waits for its end; `mainstem txn list --open --topics %s` says whose it is, and what ends it", words.Quoted(p.Topic), p.Partition, p.Lag.Records, *p.LastStable, words.Quoted(p.Topic))
			continue
		}
		e.add("stuck", p.Member, time.Time{}, "%s-%d: %d records behind, and nothing was committed for %s, since offset %d: "+
			"does the member process that record again and again, or not commit? If it commits in other partitions, it may only be slow",
			words.Quoted(p.Topic), p.Partition, p.Lag.Records, words.Span(e.now.Sub(p.CommittedAt)), *p.Committed)
	}
}

// uncommitted are partitions with something to read for which nothing was ever
// committed: they are in no lag, so a group that never gets over its first records
// looks well.
func (e *explanation) uncommitted(partitions []GroupPartition) {
	if e.view.Since.IsZero() || e.now.Sub(e.view.Since) < stuckAfter {
		return
	}
	n, first := 0, ""
	for i := range partitions {
		p := &partitions[i]
		if p.Member == "" || p.Committed != nil || p.End <= p.LogStart || e.isPending(p.Topic, p.Partition) {
			continue
		}
		if n++; n == 1 {
			first = fmt.Sprintf("%s-%d", words.Quoted(p.Topic), p.Partition)
		}
	}
	if n > 0 {
		e.add("uncommitted", "", time.Time{}, "nothing was ever committed for %s with records, such as %s: no lag counts them. "+
			"Do the members commit (enable.auto.commit), or not get over the first records?", words.Counted(n, "partition", "partitions"), first)
	}
}

// summary is the state in one line.
func (e *explanation) summary(retention time.Duration) string {
	v := e.view
	since := ""
	if !v.Since.IsZero() {
		since = " for " + words.Span(e.now.Sub(v.Since))
	}
	members := words.Counted(len(v.Members), "member", "members")
	switch v.State {
	case "PreparingRebalance":
		waiting := 0
		for _, b := range v.Blockers {
			if b.Kind != coordinator.BlockedByDelay {
				waiting++
			}
		}
		if waiting == 0 {
			return fmt.Sprintf("rebalancing%s: %s so far", since, members)
		}
		return fmt.Sprintf("rebalancing%s: waits for %d of %s to join", since, waiting, words.Counted(len(v.Members)+v.Newcomers, "member", "members"))
	case "CompletingRebalance":
		return fmt.Sprintf("rebalancing%s: %s joined, generation %d waits for its assignment", since, members, v.Generation)
	case "Assigning":
		return fmt.Sprintf("rebalancing%s: %s, epoch %d waits for its assignment", since, members, v.Generation)
	case "Reconciling":
		if v.Broadcast { // each member comes to an epoch of its own
			return fmt.Sprintf("rebalancing%s: %d of %s have yet to get their partitions", since, e.yetToSettle(), members)
		}
		return fmt.Sprintf("rebalancing%s: %d of %s have yet to come to epoch %d", since, e.yetToSettle(), members, v.Generation)
	case "Stable":
		word := "generation"
		if v.AssignmentEpoch > 0 {
			word = "epoch"
		}
		text := fmt.Sprintf("stable%s with %s", since, members)
		if !v.Broadcast {
			text += fmt.Sprintf(" in %s %d", word, v.Generation)
		}
		if len(e.reasons) == 0 {
			text += ": nothing stands in its way"
		}
		return text
	case "Empty":
		if v.ProtocolType == "" {
			return fmt.Sprintf("no members, nobody ever joined; each committed offset goes %s after its commit (offsets.retention.minutes)", words.Span(retention))
		}
		return fmt.Sprintf("no members%s; its offsets go %s after the last one left (offsets.retention.minutes)", since, words.Span(retention))
	default:
		return strings.ToLower(v.State) + since
	}
}

// yetToSettle counts the members that something is still to happen with.
func (e *explanation) yetToSettle() int {
	waiting := map[string]bool{}
	for _, b := range e.view.Blockers {
		if b.Member != "" {
			waiting[b.Member] = true
		}
	}
	return len(waiting)
}

// heard says when a member was heard of.
func (e *explanation) heard(m *coordinator.MemberView) string {
	if m == nil || m.Heard.IsZero() {
		return "not heard of since the broker loaded the group"
	}
	return "last heard of " + words.Span(e.now.Sub(m.Heard)) + " ago"
}

// out says when a member is out: at the end of its session if it is not heard of,
// and else when its group no longer waits.
func (e *explanation) out(until time.Time, m *coordinator.MemberView) string {
	if m == nil || m.Expires.IsZero() || !m.Expires.Before(until) {
		return "out in " + e.left(until)
	}
	return fmt.Sprintf("out in %s at the latest, in %s unless it is heard of", e.left(until), e.left(m.Expires))
}

// left is the time until something ends.
func (e *explanation) left(until time.Time) string {
	if until.IsZero() {
		return "an unknown time"
	}
	return words.Span(until.Sub(e.now))
}
