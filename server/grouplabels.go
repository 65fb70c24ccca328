package server

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"
)

// labelMax bounds a label that a client chose, in bytes: ids may have 32 KiB, and
// each is in many series.
const labelMax = 256

// labelled makes labels of what the members call themselves.
func labelled(all []GroupPartition) []GroupPartition {
	known := map[string]string{"": ""}
	fit := func(s string) string {
		l, ok := known[s]
		if !ok {
			l = label(s)
			known[s] = l
		}
		return l
	}
	for i := range all {
		p := &all[i]
		p.Member, p.Client, p.Host = fit(p.Member), fit(p.Client), fit(p.Host)
	}
	return all
}

// label makes a client's words fit for a label: one that is not UTF-8 would have
// the whole scrape refused. What is cut off leaves its mark, so that two labels
// are the same only if their words are.
func label(s string) string {
	whole := s
	if !utf8.ValidString(s) {
		s = printable(s[:min(len(s), labelMax)])
	}
	if len(s) <= labelMax && len(whole) <= labelMax {
		return s
	}
	sum := sha256.Sum256([]byte(whole))
	mark := "~" + hex.EncodeToString(sum[:8])
	end := min(len(s), labelMax-len(mark))
	for end > 0 && end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
