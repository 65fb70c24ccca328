package coordinator

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/internal/pattern"
	"github.com/mainstem-mq/mainstem/protocol"
)

// What a pattern stands for is found by trying the names of all topics. That takes as
// long as somebody wants it to, and all groups of the shard wait meanwhile. So a turn
// does a part of it only, and a group's parts have pauses between them: members learn
// of the topics when all is done. Most patterns are done within the heartbeat.
const (
	// patternsMax is how many patterns the members of a group may use.
	patternsMax = 100
	// matchMost is how many steps of patterns one turn may take for a group.
	matchMost = 4 << 20
	// matchCost is what a step is reckoned with, some times what a processor takes.
	matchCost = 200 * time.Nanosecond
	// patternPause lies between two looks at all topics because some of them changed:
	// each writes anew what the patterns stand for, and all that follows from it.
	patternPause = 10 * time.Second
)

// patternSoft is what a group knows of its patterns besides what they stand for.
type patternSoft struct {
	compiled map[string]*pattern.Pattern // patterns in use, some of them
	search   *patternSearch              // under way
	pace     dealPace
	toldAt   time.Time // when they were last looked for because topics changed
	stale    bool      // topics changed since: that waits
	fresh    []string  // what is being recorded, in the metadata's own strings
	// tooLarge counts the topics of patterns that stand for more than a record holds.
	tooLarge map[string]int
}

// patternSearch is a look at all topics.
type patternSearch struct {
	names    []string // of all topics when it began
	version  int64    // of the metadata then
	patterns []string // to be tried, the first of them up to at
	at       int
	matches  []string // of the first
	found    map[string][]string
}

func newPatternSearch(v View) *patternSearch {
	q := &patternSearch{version: v.Version(), found: map[string][]string{}}
	v.Topics(func(t Topic) bool {
		// Patterns never match internal topics; who wants those names them.
		if !t.Internal {
			q.names = append(q.names, t.Name)
		}
		return true
	})
	return q
}

func (q *patternSearch) add(patterns []string) {
	for _, regex := range patterns {
		if _, done := q.found[regex]; !done && !slices.Contains(q.patterns, regex) {
			q.patterns = append(q.patterns, regex)
		}
	}
}

// advance tries as many names as one turn may, and tells how many steps that took.
func (q *patternSearch) advance(c *consumerGroup) int {
	steps := 0
	for len(q.patterns) > 0 && steps < matchMost {
		regex := q.patterns[0]
		match, err := c.pattern(regex)
		if err != nil || c.index.regexUsers[regex] == 0 { // another broker's, or nobody's by now
			q.next()
			continue
		}
		for ; q.at < len(q.names) && steps < matchMost; q.at++ {
			name := q.names[q.at]
			steps += match.Cost(name)
			if match.Matches(name) {
				q.matches = append(q.matches, name)
			}
		}
		if q.at == len(q.names) {
			slices.Sort(q.matches)
			q.found[regex] = q.matches
			q.next()
		}
	}
	return steps
}

// next turns to the next pattern.
func (q *patternSearch) next() { q.patterns, q.at, q.matches = q.patterns[1:], 0, nil }

// look has patterns looked for, and reports whether one stands for other topics now.
func (m *machine) look(s *step, g *group, patterns ...string) bool {
	soft := &g.consumer.soft.patterns
	if soft.search == nil {
		soft.search = newPatternSearch(s.view)
	}
	soft.search.add(patterns)
	return m.lookOn(s, g)
}

// lookAll looks for all patterns of a group, as topics may have changed.
func (m *machine) lookAll(s *step, g *group) bool {
	c := g.consumer
	if len(c.index.regexUsers) == 0 {
		return false
	}
	c.soft.patterns.stale = c.soft.patterns.search != nil // one that is under way saw other topics
	return m.look(s, g, c.sortedRegexes()...)
}

// lookOn takes what is under way as far as it may go now.
func (m *machine) lookOn(s *step, g *group) bool {
	c, key := g.consumer, timerKey{timerPatterns, g.id, ""}
	soft := &c.soft.patterns
	q := soft.search
	if !s.Now.Before(soft.pace.due()) {
		soft.pace = soft.pace.spend(s.Now, time.Duration(q.advance(c))*matchCost)
	}
	if len(q.patterns) > 0 {
		m.timers.Set(key, soft.pace.due())
		return false
	}
	soft.search = nil
	m.timers.Cancel(key)
	if soft.stale {
		m.timers.Set(key, later(s.Now, soft.toldAt.Add(patternPause)))
	}
	changed := false
	for _, regex := range c.sortedRegexes() {
		if topics, ok := q.found[regex]; ok && m.holds(s, g, regex, topics) {
			changed = m.resolved(s, g, regex, &resolvedRegex{topics: topics, version: q.version, at: s.wall()}) || changed
		}
	}
	return changed
}

// holds reports whether a record holds what a pattern stands for. If not, the members
// that use it keep what they had; those that had nothing are told (see tooMuch).
func (m *machine) holds(s *step, g *group, regex string, topics []string) bool {
	soft, size := &g.consumer.soft.patterns, topicList{topics: topics}.size()
	if size <= s.config.RecordBytesMax {
		delete(soft.tooLarge, regex)
		return true
	}
	if soft.tooLarge[regex] != len(topics) {
		s.event(Event{Kind: PatternRefused, Group: g.id, Generation: g.number(), Members: g.size(), Count: len(topics), Reason: fmt.Sprintf(
			"pattern %q stands for %d topics, %d bytes, and a group can hold %d (a third of mainstem.log.segment.bytes, at most 16 MiB): what it stood for before is kept",
			regex, len(topics), size, s.config.RecordBytesMax)})
	}
	if soft.tooLarge == nil {
		soft.tooLarge = map[string]int{}
	}
	maps.DeleteFunc(soft.tooLarge, func(regex string, _ int) bool { return g.consumer.index.regexUsers[regex] == 0 })
	soft.tooLarge[regex] = len(topics)
	return false
}

// tooMuch refuses a member whose pattern stands for more than the group can hold, and
// never stood for less: it would wait for topics in vain.
func (c *consumerGroup) tooMuch(member *consumerMember, b *beat) *protocol.Error {
	regex := b.req.SubscribedTopicRegex
	if regex == nil && member != nil {
		regex = member.meta.regex
	}
	topics := c.soft.patterns.tooLarge[deref(regex)]
	if topics == 0 || c.index.regexUsers[deref(regex)] == 0 {
		return nil
	}
	if _, known := c.regexes[deref(regex)]; known {
		return nil
	}
	return protocol.Errorf(protocol.GroupMaxSizeReached,
		"The pattern of member %s stands for %d topics, more than group %s can hold: use a narrower one, or name the topics.", b.req.MemberID, topics, b.req.Group)
}

// lookAgain is what a deadline is for: it goes on, or looks at topics that changed.
func (m *machine) lookAgain(s *step, g *group) {
	if g.consumer == nil {
		return
	}
	changed := false
	if g.consumer.soft.patterns.search != nil {
		changed = m.lookOn(s, g)
	} else {
		g.consumer.soft.patterns.toldAt = s.Now
		changed = m.lookAll(s, g)
	}
	if changed {
		m.bump(s, g, "topics of a pattern changed")
		m.assign(s, g)
	}
}

// resolved records what a pattern stands for, and reports whether that asks for
// another assignment: not if the difference is only in topics that are gone.
func (m *machine) resolved(s *step, g *group, regex string, now *resolvedRegex) bool {
	c := g.consumer
	before, known := c.regexes[regex]
	if known && slices.Equal(now.topics, before.topics) {
		return false
	}
	c.soft.patterns.fresh = now.topics
	s.record(regexRecord(g.id, regex, now))
	m.apply(s)
	c.soft.patterns.fresh = nil
	return s.someOf(now.topics, before.topics) || s.someOf(before.topics, now.topics)
}

// someOf reports whether a topic is there of those that are only in the first list.
func (s *step) someOf(topics, others []string) bool {
	return slices.ContainsFunc(topics, func(name string) bool {
		if _, both := slices.BinarySearch(others, name); both {
			return false
		}
		_, there := s.view.Topic(name)
		return there
	})
}

// matchNames hears that topics of these names changed, and reports whether a pattern
// stands for others now. The first change after a quiet time shows at once; further
// ones wait, to be seen together.
func (m *machine) matchNames(s *step, g *group, names []string) bool {
	c := g.consumer
	soft := &c.soft.patterns
	if len(c.index.regexUsers) == 0 || soft.stale { // it waits already
		return false
	}
	due := later(soft.toldAt.Add(patternPause), soft.pace.due())
	free := soft.search == nil && !s.Now.Before(soft.pace.due())
	switch {
	case free && !c.touched(s, names):
		return false
	case free && !s.Now.Before(due):
		soft.toldAt = s.Now
		return m.lookAll(s, g)
	}
	soft.stale = true
	if soft.search == nil {
		m.timers.Set(timerKey{timerPatterns, g.id, ""}, due)
	}
	return false
}

// touched reports whether a pattern may stand for others after a change of these
// topics; too many of them may.
func (c *consumerGroup) touched(s *step, names []string) bool {
	soft := &c.soft.patterns
	steps := 0
	defer func() { soft.pace = soft.pace.spend(s.Now, time.Duration(steps)*matchCost) }()
	for _, regex := range c.sortedRegexes() {
		match, err := c.pattern(regex)
		if err != nil {
			continue
		}
		for _, name := range names {
			if steps += match.Cost(name); steps > matchMost {
				return true
			}
			t, there := s.view.Topic(name)
			_, before := slices.BinarySearch(c.regexes[regex].topics, name)
			if before != (there && !t.Internal && match.Matches(name)) {
				return true
			}
		}
	}
	return false
}

// patternRoom refuses a new pattern that would be one too many, or where those that
// are there stand for too much. What one stands for is known only later, and grows
// with the topics: who uses a pattern that is there is let in all the same.
func (c *consumerGroup) patternRoom(group string, old, now *memberMeta, most int) *protocol.Error {
	regex, used, matched := deref(now.regex), len(c.index.regexUsers), c.index.matched
	if regex == "" || c.index.regexUsers[regex] > 0 {
		return nil
	}
	if old != nil && c.index.regexUsers[deref(old.regex)] == 1 { // it gives that one up
		used--
		matched -= topicList{topics: c.regexes[deref(old.regex)].topics}.size()
	}
	switch {
	case matched > most:
		return protocol.Errorf(protocol.GroupMaxSizeReached,
			"The patterns of the members of group %s stand for more topics than a group can hold: use one of those, or name the topics.", group)
	case used < patternsMax:
		return nil
	}
	return protocol.Errorf(protocol.GroupMaxSizeReached,
		"The members of group %s use %d patterns, as many as a group can have: use one of those, or name the topics.", group, used)
}
