package server

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Quoted is a name that clients chose, for a sentence: as it is if that leaves no
// doubt where it ends and does nothing to a terminal.
func Quoted(name string) string {
	plain := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r == ' ' || r == '"' || r == '\'' || r == '\\' || r == '\uFFFD' || !strconv.IsPrint(r)
	})
	if plain {
		return name
	}
	return strconv.Quote(name)
}

// SpanText is a span of time for people, in at most two units.
func SpanText(d time.Duration) string {
	d = max(d, 0)
	days := int64(d / (24 * time.Hour))
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int64(d.Seconds()))
	case d < time.Hour:
		return twoUnits(int64(d.Minutes()), "min", int64(d.Seconds())%60, "s")
	case days < 2:
		return twoUnits(int64(d.Hours()), "h", int64(d.Minutes())%60, "min")
	}
	return twoUnits(days, "d", int64(d.Hours())%24, "h")
}

func twoUnits(large int64, unit string, small int64, smaller string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", large, unit)
	}
	return fmt.Sprintf("%d %s %d %s", large, unit, small, smaller)
}

// counted is a number and what it counts.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// sorted are the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// RangesText shortens ascending numbers.
func RangesText(numbers []int32) string {
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := strconv.Itoa(int(numbers[i]))
		if j > i {
			part += "-" + strconv.Itoa(int(numbers[j]))
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}
