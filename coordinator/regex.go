package coordinator

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

const (
	// regexMax is the longest pattern, in bytes.
	regexMax = 1024
	// regexSteps is the largest one in steps: each may be taken at each letter of each
	// name, with all groups of the shard waiting. Repeats make many of few bytes.
	regexSteps = 2048
	// regexesKept bounds the patterns of a group that are compiled once only.
	regexesKept = patternsMax
)

// pattern is one that is ready for use.
type pattern struct {
	*regexp.Regexp
	steps int // that may be taken at each letter
}

// compileRegex reads a pattern in RE2's language; it has to match whole names.
func compileRegex(regex string) (*pattern, error) {
	if len(regex) > regexMax {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(regex), regexMax)
	}
	// By itself first, or ")(" would be one.
	tree, err := syntax.Parse(regex, syntax.Perl)
	if err != nil {
		return nil, err
	}
	steps := regexSize(tree)
	if steps > regexSteps {
		return nil, fmt.Errorf("it stands for %d steps with its repeats, more than %d", steps, regexSteps)
	}
	whole, err := regexp.Compile("^(?:" + regex + ")$")
	if err != nil { // it quotes up to its end, and so what follows here
		whole, err = regexp.Compile("^(?:" + regex + `\E)$`)
	}
	return &pattern{whole, steps}, err
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
func (c *consumerGroup) pattern(regex string) (*pattern, error) {
	soft := &c.soft.patterns
	if match := soft.compiled[regex]; match != nil {
		return match, nil
	}
	match, err := compileRegex(regex)
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
			soft.compiled = map[string]*pattern{}
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
