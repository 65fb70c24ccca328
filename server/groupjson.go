package server

import (
	"cmp"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator"
)

// The groups as the HTTP API shows them. The fields are what its users see, so
// they are not renamed. Times are UTC, spans are seconds.

// GroupList is the answer about all groups.
type GroupList struct {
	Groups []GroupSummary `json:"groups"` // by name
}

// GroupSummary is one group in short.
type GroupSummary struct {
	Group        string    `json:"group"`
	Type         string    `json:"type"`           // classic, consumer
	Mode         string    `json:"mode"`           // cluster, broadcast; member: one member's of a broadcast group
	State        string    `json:"state"`          // Kafka's name
	Since        time.Time `json:"since,omitzero"` // of the state
	ProtocolType string    `json:"protocolType"`   // "": offsets were committed, but nobody ever joined
	Protocol     string    `json:"protocol"`       // of consumers the assignor; "" while there is none
	Generation   int32     `json:"generation"`     // of a consumer group: its epoch; of a broadcast group 0, each member has its own
	// AssignmentEpoch, of a consumer group, is the epoch of its newest assignment:
	// less than Generation until the next one is made.
	AssignmentEpoch int32 `json:"assignmentEpoch,omitempty"`
	Members         int   `json:"members"`
	Topics          int   `json:"topics"`     // with committed offsets
	Partitions      int   `json:"partitions"` // with committed offsets
	Lag             Lag   `json:"lag"`        // the sum; of the seconds the most
	// RewindPhase is of its newest rewind: emptying, done; not there: none is under
	// way or can be undone.
	RewindPhase string `json:"rewindPhase,omitempty"`
}

// GroupDetail is one group with all that is known of it.
type GroupDetail struct {
	GroupSummary

	Leader       string           `json:"leader,omitempty"` // a member id
	Rewind       RewindInShort    `json:"rewind,omitzero"`  // the newest; not there: none is under way or can be undone
	MemberList   []GroupMember    `json:"memberList"`
	PartitionLag []GroupPartition `json:"partitionList"`              // by topic and number; of a broadcast group the lowest of the members
	Hidden       int              `json:"hiddenPartitions,omitempty"` // left out of the list, as was asked for
	Cells        []GroupCell      `json:"cells,omitempty"`
	Rate         *GroupRate       `json:"rate,omitempty"`
}

// RewindInShort is a rewind of a group without its places; see GroupRewind.
type RewindInShort struct {
	ID        string    `json:"id"`
	Phase     string    `json:"phase"` // emptying, done
	Started   time.Time `json:"started"`
	UndoUntil time.Time `json:"undoUntil,omitzero"`
}

// emptying reports whether members are giving up what they own.
func (r *RewindInShort) emptying() bool { return r.Phase == string(coordinator.RewindEmptying) }

// GroupMember is one member of a group.
type GroupMember struct {
	Member         string          `json:"member"`
	Instance       string          `json:"instance,omitempty"` // static members only
	Client         string          `json:"client"`
	Host           string          `json:"host"`
	Heard          time.Time       `json:"heard,omitzero"`   // last; none since the group was loaded: not there
	Expires        time.Time       `json:"expires,omitzero"` // when it is out unless it is heard of
	SessionTimeout float64         `json:"sessionTimeout"`
	Subscription   []string        `json:"subscription"` // null: not a consumer's, or unreadable
	Assignment     []AssignedTopic `json:"assignment"`   // null: the same
	Lag            Lag             `json:"lag"`

	*GroupConsumer // of a consumer group's member only
}

// GroupConsumer is what is known besides of a consumer group's member. The
// assignment is what it may own now.
type GroupConsumer struct {
	Protocol string          `json:"protocol"` // consumer, or classic: it joined by the old one
	Epoch    int32           `json:"epoch"`    // that the member has come to; -2: a static member that is away
	State    string          `json:"state"`    // stable, revoking, waiting, behind, away
	Rack     string          `json:"rack,omitempty"`
	Pattern  string          `json:"pattern,omitempty"` // that it subscribes to
	Target   []AssignedTopic `json:"target"`            // what it shall own in the end
	Revoking []AssignedTopic `json:"revoking"`          // what it has yet to give up
}

// AssignedTopic is what a member was given of a topic.
type AssignedTopic struct {
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
}

// GroupPartition is how far a group is in a partition: of those for which it
// committed an offset, and those that a member was given.
type GroupPartition struct {
	Topic       string     `json:"topic"`
	Partition   int32      `json:"partition"`
	Committed   *int64     `json:"committed"` // null: none
	CommittedAt time.Time  `json:"committedAt,omitzero"`
	LogStart    int64      `json:"logStart"`
	End         int64      `json:"end"`                        // the high watermark
	LastStable  *int64     `json:"lastStableOffset,omitempty"` // where who reads committed data stands still; only if that is below the end
	Lag         *Lag       `json:"lag"`                        // null: nothing is committed
	Gone        int64      `json:"gone,omitempty"`             // records that went, by retention or deletion, before they were consumed
	Member      string     `json:"member,omitempty"`
	Client      string     `json:"client,omitempty"`
	Host        string     `json:"host,omitempty"`
	Rate        *GroupRate `json:"rate,omitempty"`
	Error       string     `json:"error,omitempty"` // why the lag is not known

	barren bool // nothing lies before LastStable for who reads committed data; only looked for where it may be stuck
}

// Lag is how far behind something is.
type Lag struct {
	Records int64 `json:"records"` // as Kafka's tools count: the end less the committed offset
	Bytes   int64 `json:"bytes"`   // of the batches that are there to be read
	// Seconds is how long the first record that was not consumed has been there.
	Seconds float64 `json:"seconds"`
	// Markers says that none of the records is for consumers: each ends a
	// transaction, so the group has consumed all there is. Kafka's tools count them.
	Markers bool `json:"markers,omitempty"`
	// About says that there are fewer records: compaction left gaps in the offsets.
	About bool `json:"about,omitempty"`
	// Unmeasured says that bytes and seconds were not looked up.
	Unmeasured bool `json:"unmeasured,omitempty"`
}

func (l *Lag) add(o *Lag) {
	switch {
	case l.Records == 0:
		l.Markers = o.Markers
	case o.Records > 0:
		l.Markers = l.Markers && o.Markers
	}
	l.Records += o.Records
	l.Bytes += o.Bytes
	l.Seconds = max(l.Seconds, o.Seconds)
	l.About = l.About || o.About
	l.Unmeasured = l.Unmeasured || o.Unmeasured
}

// GroupRate is how a lag changes.
type GroupRate struct {
	Consumed float64 `json:"consumed"` // committed, records per second
	Produced float64 `json:"produced"` // appended, records per second
	// Drain is how long it takes until nothing is left at this pace, seconds;
	// null: it does not get less.
	Drain *float64 `json:"drain"`
	// Uncommitted, of a group, is how many of the partitions that members were given
	// hold records and had nothing committed, before or after: nobody knows how many
	// of them were consumed, so they are not part of all this.
	Uncommitted int `json:"uncommitted,omitempty"`
}

// owner is who was given a partition.
type owner struct{ member, client, host string }

// owners finds who was given which partitions. What a leader hands out is a
// peer's input: only partitions that there are count.
func owners(v *coordinator.GroupView, partitionsOf func(topic string) int) map[partitionKey]owner {
	out := map[partitionKey]owner{}
	for i := range v.Members {
		m := &v.Members[i]
		given, _ := m.Assignment()
		for _, t := range given {
			n := partitionsOf(t.Topic)
			for _, p := range t.Partitions {
				if p < 0 || int(p) >= n {
					continue
				}
				out[partitionKey{t.Topic, p}] = owner{m.ID, m.ClientID, m.ClientHost}
			}
		}
	}
	return out
}

type partitionKey struct {
	topic     string
	partition int32
}

// summarize fills in what does not need the members.
func summarize(v *coordinator.GroupView, partitions []GroupPartition) GroupSummary {
	s := GroupSummary{
		Group: v.ID, Type: v.Kind, Mode: modeOf(v), State: v.State, Since: utc(v.Since), ProtocolType: v.ProtocolType, Protocol: v.Protocol,
		Generation: v.Generation, AssignmentEpoch: v.AssignmentEpoch, Members: len(v.Members), Topics: len(v.Offsets), RewindPhase: string(v.Rewind),
	}
	for i := range v.Offsets {
		s.Partitions += len(v.Offsets[i].Partitions)
	}
	for i := range partitions {
		if lag := partitions[i].Lag; lag != nil {
			s.Lag.add(lag)
		}
	}
	return s
}

// detail shows a group whose partitions were measured.
func detail(v *coordinator.GroupView, partitions []GroupPartition) GroupDetail {
	d := GroupDetail{
		GroupSummary: summarize(v, partitions), Leader: v.Leader, PartitionLag: partitions,
		MemberList: make([]GroupMember, 0, len(v.Members)),
	}
	behind := map[string]*Lag{}
	for i := range v.Members {
		m := &v.Members[i]
		shown := GroupMember{
			Member: m.ID, Client: m.ClientID, Host: m.ClientHost, Heard: utc(m.Heard), Expires: utc(m.Expires),
			SessionTimeout: m.SessionTimeout.Seconds(),
		}
		if m.Instance != nil {
			shown.Instance = *m.Instance
		}
		if topics, ok := m.Subscription(); ok {
			shown.Subscription = append([]string{}, topics...)
		}
		if given, ok := m.Assignment(); ok {
			shown.Assignment = assigned(given)
		}
		shown.GroupConsumer = consumerOf(m.Consumer)
		d.MemberList = append(d.MemberList, shown)
	}
	for i := range d.MemberList {
		behind[d.MemberList[i].Member] = &d.MemberList[i].Lag
	}
	for i := range partitions {
		p := &partitions[i]
		if sum := behind[p.Member]; sum != nil && p.Lag != nil {
			sum.add(p.Lag)
		}
	}
	slices.SortFunc(d.MemberList, func(a, b GroupMember) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Member, b.Member))
	})
	return d
}

func consumerOf(c *coordinator.ConsumerView) *GroupConsumer {
	if c == nil {
		return nil
	}
	shown := &GroupConsumer{
		Protocol: "consumer", Epoch: c.Epoch, State: c.State, Rack: c.Rack, Pattern: c.Pattern,
		Target: assigned(c.Target()), Revoking: assigned(c.Revoking()),
	}
	if c.Classic {
		shown.Protocol = "classic"
	}
	return shown
}

func assigned(topics []coordinator.AssignedTopic) []AssignedTopic {
	out := make([]AssignedTopic, 0, len(topics))
	for _, t := range topics {
		out = append(out, AssignedTopic(t))
	}
	return out
}

// utc is a time as the API shows it, to the millisecond.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}
