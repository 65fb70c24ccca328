package coordinator

import "github.com/mainstem-mq/mainstem/internal/pattern"

// regexesKept bounds the patterns of a group that are compiled once only.
const regexesKept = patternsMax

// pattern is a pattern of the group, ready for use.
func (c *consumerGroup) pattern(regex string) (*pattern.Pattern, error) {
	soft := &c.soft.patterns
	if match := soft.compiled[regex]; match != nil {
		return match, nil
	}
	match, err := pattern.Compile(regex)
	if err != nil {
		return nil, err
	}
	if len(soft.compiled) >= regexesKept {
		for old := range soft.compiled {
			if c.index.regexUsers[old] == 0 {
				delete(soft.compiled, old)
			}
		}
	}
	if len(soft.compiled) < regexesKept {
		if soft.compiled == nil {
			soft.compiled = map[string]*pattern.Pattern{}
		}
		soft.compiled[regex] = match
	}
	return match, nil
}

// followRegexes looks for the pattern of a member that is new, or for all that may
// be out of date, drops the one it used before if nobody else does, and reports
// whether one stands for other topics now.
func (m *machine) followRegexes(s *step, g *group, before, now *memberMeta) bool {
	c := g.consumer
	changed := false
	switch regex := deref(now.regex); {
	case c.soft.outdated(s):
		changed = m.lookAll(s, g)
	case regex != "":
		if _, known := c.regexes[regex]; !known {
			changed = m.look(s, g, regex)
		}
	}
	if before != nil && before.regex != nil && c.index.regexUsers[*before.regex] == 0 {
		if _, known := c.regexes[*before.regex]; known {
			s.record(consumerTombstone(regexKey, g.id, *before.regex))
			m.apply(s)
		}
	}
	return changed
}
