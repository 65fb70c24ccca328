package shardtest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// odd is a name that no sane client has.
const odd = "a b%2F/\x00\n\u2603\xff"

// Strange makes names that cannot stand in a conversation: LONG and a number for
// so many letters, and ODD.
func Strange(value string) string {
	if n, err := strconv.Atoi(strings.TrimPrefix(value, "LONG")); err == nil && strings.HasPrefix(value, "LONG") {
		return strings.Repeat("x", n)
	}
	return strings.ReplaceAll(value, "ODD", odd)
}

var longName = regexp.MustCompile("x{1000,}")

// plain is the text of a conversation for one with strange names.
func plain(text string) string {
	text = longName.ReplaceAllStringFunc(text, func(s string) string { return fmt.Sprintf("LONG%d", len(s)) })
	return strings.ReplaceAll(text, odd, "ODD")
}
