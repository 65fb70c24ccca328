package pattern

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

const (
	// BytesMax is the longest pattern, in bytes.
	BytesMax = 1024
	// StepsMax is the largest one in steps: each may be taken at each letter of each
	// name. Repeats make many of few bytes.
	StepsMax = 2048
)

// Pattern is one that is ready for use.
type Pattern struct {
	whole *regexp.Regexp
	steps int // that may be taken at each letter
}

// Compile reads a pattern that has to match whole names. The error says what is wrong
// with it, for whoever wrote it.
func Compile(text string) (*Pattern, error) {
	if len(text) > BytesMax {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(text), BytesMax)
	}
	// By itself first, or ")(" would be one.
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	steps := size(tree)
	if steps > StepsMax {
		return nil, fmt.Errorf("it stands for %d steps with its repeats, more than %d", steps, StepsMax)
	}
	whole, err := regexp.Compile("^(?:" + text + ")$")
	if err != nil { // it quotes up to its end, and so what follows here
		whole, err = regexp.Compile("^(?:" + text + `\E)$`)
	}
	return &Pattern{whole, steps}, err
}

// Matches reports whether the whole name is what the pattern stands for.
func (p *Pattern) Matches(name string) bool { return p.whole.MatchString(name) }

// Cost is how many steps it takes at most to try a name.
func (p *Pattern) Cost(name string) int { return p.steps * (len(name) + 1) }

// size is about how many steps a pattern is compiled to.
func size(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	if re.Op == syntax.OpCharClass {
		n = 1
	}
	for _, sub := range re.Sub {
		n += size(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min+1, re.Max)
	}
	return n
}
