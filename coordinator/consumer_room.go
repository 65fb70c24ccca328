package coordinator

import (
	"crypto/sha256"
	"slices"

	"github.com/mainstem-mq/mainstem/protocol"
)

// memberBytesMax is the most that one member may subscribe to, in bytes of names: it
// has to fit in one record, of which a heartbeat may write another one each time.
const memberBytesMax = 1 << 20

// nameBytes is what a name costs besides its bytes.
const nameBytes = 16

// topicList is the topics that a number of members name alike, or patterns stand for:
// most groups do so a thousand times. It is kept once, and never changed.
type topicList struct {
	topics []string
	users  int
}

func (l topicList) size() int {
	n := nameBytes * len(l.topics)
	for _, name := range l.topics {
		n += len(name)
	}
	return n
}

// listKey tells lists apart, also those that somebody made to look alike.
type listKey [sha256.Size]byte

func keyOf(topics []string) listKey {
	sum := sha256.New()
	var text []byte
	for _, name := range topics {
		text = append(append(text[:0], name...), 0)
		_, _ = sum.Write(text) // a hash never fails
	}
	return listKey(sum.Sum(nil))
}

// topicLists are lists that are kept once.
type topicLists map[listKey]topicList

// use counts the use of a list, and tells how much room it takes more.
func (l topicLists) use(topics []string, by int) (grown int) {
	if len(topics) == 0 {
		return 0
	}
	key := keyOf(topics)
	now := l[key]
	if now.users == 0 {
		now.topics = topics
		grown = now.size()
	}
	if now.users += by; now.users > 0 {
		l[key] = now
		return grown
	}
	delete(l, key)
	return grown - now.size()
}

// shared is the list itself, or an equal one that is kept.
func (l topicLists) shared(topics []string) []string {
	if kept := l[keyOf(topics)]; slices.Equal(kept.topics, topics) {
		return kept.topics
	}
	return topics
}

// list counts the use of a list that a member names.
func (x *consumerIndex) list(topics []string, by int) { x.bytes += x.lists.use(topics, by) }

// match counts the use of what a pattern stands for. Each counts, as each is written.
func (x *consumerIndex) match(topics []string, by int) {
	x.matches.use(topics, by)
	x.matched += by * topicList{topics: topics}.size()
}

// size is how much of the group's room the member takes, but for its topics.
func (m *memberMeta) size() int {
	n := len(deref(m.regex)) + len(deref(m.instance)) + len(deref(m.rack)) + len(deref(m.assignor)) + len(m.clientID) + len(m.clientHost)
	if m.classic != nil {
		n += bytesOf(m.classic.protocols)
	}
	return n
}

// room refuses a member that would take more room than it does, if the group has
// none. Topics need not exist, so nothing else bounds what is said of them.
func (c *consumerGroup) room(before *consumerMember, b *beat, most int) *protocol.Error {
	if err := c.tooMuch(before, b); err != nil {
		return err
	}
	if b.classic == nil && b.req.SubscribedTopicNames == nil && b.req.SubscribedTopicRegex == nil {
		return nil
	}
	var old *memberMeta
	grown := 0
	if before != nil {
		old = before.meta
		grown -= old.size()
		if l := c.index.lists[keyOf(old.topics)]; l.users == 1 {
			grown -= l.size()
		}
	}
	meta := b.metaOf(old)
	if err := c.patternRoom(b.req.Group, old, meta, most); err != nil {
		return err
	}
	grown += meta.size()
	others := c.index.lists[keyOf(meta.topics)].users
	if old != nil && slices.Equal(old.topics, meta.topics) {
		others--
	}
	if others <= 0 {
		grown += topicList{topics: meta.topics}.size()
	}
	if grown > 0 && c.index.bytes+grown > most {
		return protocol.Errorf(protocol.GroupMaxSizeReached,
			"The members of group %s name more topics together than a group can hold: subscribe to fewer.", b.req.Group)
	}
	return nil
}
