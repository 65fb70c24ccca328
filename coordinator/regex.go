package coordinator

import (
	"fmt"
	"regexp"
	"slices"
)

// regexMax is the longest pattern, in bytes.
const regexMax = 1024

// compileRegex reads a pattern in RE2's language; it has to match whole names.
func compileRegex(regex string) (*regexp.Regexp, error) {
	if len(regex) > regexMax {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(regex), regexMax)
	}
	// By itself first, or ")(" would be one.
	if _, err := regexp.Compile(regex); err != nil {
		return nil, err
	}
	return regexp.Compile("^(?:" + regex + ")$")
}

// followRegexes resolves the pattern of a member that is new, or all that may
// be out of date, drops the one it used before if nobody else does, and reports
// whether one stands for other topics now.
func (m *machine) followRegexes(s *step, g *group, before, now *memberMeta) bool {
	c := g.consumer
	changed := false
	if regex := deref(now.regex); regex != "" {
		if _, known := c.regexes[regex]; !known {
			changed = m.resolve(s, g, regex)
		}
	}
	if before != nil && before.regex != nil && c.index.regexUsers[*before.regex] == 0 {
		if _, known := c.regexes[*before.regex]; known {
			s.record(consumerTombstone(regexKey, g.id, *before.regex))
			m.apply(s)
		}
	}
	if c.soft.outdated(s) {
		for _, regex := range c.sortedRegexes() {
			changed = m.resolve(s, g, regex) || changed
		}
	}
	return changed
}

// resolve looks through all topics, and reports whether a pattern stands for
// others than before. Patterns never match internal topics; who wants those
// names them.
func (m *machine) resolve(s *step, g *group, regex string) bool {
	before, known := g.consumer.regexes[regex]
	match, err := compileRegex(regex)
	if err != nil {
		return false // another broker's, of more or of other syntax
	}
	var topics []string
	s.view.Topics(func(t Topic) bool {
		if !t.Internal && match.MatchString(t.Name) {
			topics = append(topics, t.Name)
		}
		return true
	})
	slices.Sort(topics)
	if known && slices.Equal(topics, before.topics) {
		return false
	}
	s.record(regexRecord(g.id, regex, &resolvedRegex{topics: topics, version: s.view.Version(), at: s.wall()}))
	m.apply(s)
	return true
}

// matchNames looks at topics of which it is known that something changed, and
// reports whether a pattern stands for others now.
func (m *machine) matchNames(s *step, g *group, names []string) bool {
	changed := false
	for _, regex := range g.consumer.sortedRegexes() {
		before, known := g.consumer.regexes[regex]
		match, err := compileRegex(regex)
		if !known || err != nil {
			continue
		}
		topics := slices.Clone(before.topics)
		for _, name := range names {
			topics = slices.DeleteFunc(topics, func(t string) bool { return t == name })
			if t, ok := s.view.Topic(name); ok && !t.Internal && match.MatchString(name) {
				topics = append(topics, name)
			}
		}
		slices.Sort(topics)
		if !slices.Equal(topics, before.topics) {
			s.record(regexRecord(g.id, regex, &resolvedRegex{topics: topics, version: s.view.Version(), at: s.wall()}))
			m.apply(s)
			changed = true
		}
	}
	return changed
}
