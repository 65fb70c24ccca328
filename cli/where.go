package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// where is a place in a partition, as somebody names it.
type where struct {
	kind   whereKind
	offset int64     // of atOffset; of beforeEnd how many records
	at     time.Time // of atTime
}

type whereKind int

const (
	atBeginning whereKind = iota
	atEnd
	atOffset
	beforeEnd
	atTime
)

const whereWords = "beginning, end, an offset, -N for the last N records of each partition, a time such as 2026-11-22T13:00:00Z or @1795352400000 (in ms), or how long ago it is, such as 15m or 1d12h"

// parseWhere reads a place. Kafka's words for both ends are known, too.
func parseWhere(text string, now time.Time) (where, error) {
	switch text {
	case "beginning", "earliest":
		return where{kind: atBeginning}, nil
	case "end", "latest":
		return where{kind: atEnd}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < 0 || text[0] == '-' {
			if n == 0 || n == -n {
				return where{}, fmt.Errorf("%q is no number of records", text)
			}
			return where{kind: beforeEnd, offset: -n}, nil
		}
		return where{kind: atOffset, offset: n}, nil
	}
	if ms, ok := strings.CutPrefix(text, "@"); ok {
		n, err := strconv.ParseInt(ms, 10, 64)
		if err != nil || n < 0 {
			return where{}, fmt.Errorf("%q is no time: behind the @ stand the milliseconds since 1970", text)
		}
		return where{kind: atTime, at: time.UnixMilli(n)}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		if at.UnixMilli() < 0 {
			return where{}, fmt.Errorf("%q is before 1970", text)
		}
		return where{kind: atTime, at: at}, nil
	}
	if ago, err := parseAgo(text); err == nil {
		at := now.Add(-ago)
		if at.UnixMilli() < 0 {
			return where{}, fmt.Errorf("%q is before 1970", text)
		}
		return where{kind: atTime, at: at}, nil
	}
	return where{}, fmt.Errorf("%q is none of: %s", text, whereWords)
}

var daysRule = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// parseAgo reads a span of time, which may begin with days.
func parseAgo(text string) (time.Duration, error) {
	days := time.Duration(0)
	if m := daysRule.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, err
		}
		days, text = time.Duration(n)*24*time.Hour, m[2]
		if text == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err == nil && (d < 0 || days+d < 0 || text[0] == '+' || text[0] == '-') {
		err = errors.New("not a span")
	}
	return days + d, err
}
