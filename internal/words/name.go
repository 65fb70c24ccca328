package words

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Quoted is a name that somebody else chose, for a sentence or a table: as it is if
// that leaves no doubt where it ends and does nothing to a terminal.
func Quoted(name string) string {
	plain := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r == ' ' || r == '"' || r == '\'' || r == '\\' || r == utf8.RuneError || !strconv.IsPrint(r)
	})
	if plain {
		return name
	}
	return strconv.Quote(name)
}

// Shown is a text that somebody else wrote, such as a broker's message, without what a
// terminal would obey.
func Shown(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
