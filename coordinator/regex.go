package coordinator

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

const (
	// regexMax is the longest pattern, in bytes.
	regexMax = 1024
	// regexSteps is the largest one in steps: each may be taken at each letter of each
	// name, with all groups of the shard waiting. Repeats make many of few bytes.
	regexSteps = 2048
	// regexesKept bounds the patterns of a group that are compiled once only.
	regexesKept = 64
)

// compileRegex reads a pattern in RE2's language; it has to match whole names.
func compileRegex(regex string) (*regexp.Regexp, error) {
	if len(regex) > regexMax {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(regex), regexMax)
	}
	// By itself first, or ")(" would be one.
	tree, err := syntax.Parse(regex, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if n := regexSize(tree); n > regexSteps {
		return nil, fmt.Errorf("it stands for %d steps with its repeats, more than %d", n, regexSteps)
	}
	whole, err := regexp.Compile("^(?:" + regex + ")$")
	if err != nil { // it quotes up to its end, and so what follows here
		whole, err = regexp.Compile("^(?:" + regex + `\E)$`)
	}
	return whole, err
}

// regexSize is about how many steps a pattern is compiled to.
func regexSize(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	if re.Op == syntax.OpCharClass {
		n = 1
	}
	for _, sub := range re.Sub {
		n += regexSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min+1, re.Max)
	}
	return n
}

// pattern is a pattern of the group, ready for use.
func (c *consumerGroup) pattern(regex string) (*regexp.Regexp, error) {
	if match := c.soft.compiled[regex]; match != nil {
		return match, nil
	}
	match, err := compileRegex(regex)
	if err != nil {
		return nil, err
	}
	if len(c.soft.compiled) >= regexesKept {
		for old := range c.soft.compiled {
			if c.index.regexUsers[old] == 0 {
				delete(c.soft.compiled, old)
			}
		}
	}
	if len(c.soft.compiled) < regexesKept {
		if c.soft.compiled == nil {
			c.soft.compiled = map[string]*regexp.Regexp{}
		}
		c.soft.compiled[regex] = match
	}
	return match, nil
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
	match, err := g.consumer.pattern(regex)
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
		match, err := g.consumer.pattern(regex)
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
