package cluster

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Rule is what a value must look like.
type Rule struct {
	Type   ConfigType
	Expect string // continues "must be ..."
	ok     func(value string) bool
}

// Check returns the words for what is wrong with a value, or "".
func (r Rule) Check(value string) string {
	if r.ok == nil || r.ok(value) {
		return ""
	}
	return "must be " + r.Expect
}

func intBetween(lo, hi int64) Rule  { return number(TypeInt, "a whole number", lo, hi, math.MaxInt32) }
func intFrom(lo int64) Rule         { return intBetween(lo, math.MaxInt32) }
func longBetween(lo, hi int64) Rule { return number(TypeLong, "a whole number", lo, hi, math.MaxInt64) }
func longFrom(lo int64) Rule        { return longBetween(lo, math.MaxInt64) }
func anyLong() Rule                 { return longFrom(math.MinInt64) }
func shortFrom(lo int64) Rule {
	return number(TypeShort, "a whole number", lo, math.MaxInt16, math.MaxInt16)
}

func number(t ConfigType, noun string, lo, hi, typeMax int64) Rule {
	expect := fmt.Sprintf("%s between %d and %d", noun, lo, hi)
	switch {
	case lo == math.MinInt64:
		expect = noun + " of 64 bits"
	case hi == typeMax:
		expect = fmt.Sprintf("%s of at least %d (and at most %d)", noun, lo, hi)
	}
	return Rule{Type: t, Expect: expect, ok: func(v string) bool {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		return err == nil && n >= lo && n <= hi
	}}
}

// gzipLevel has a hole: 0 would mean no compression.
func gzipLevel() Rule {
	r := intBetween(-1, 9)
	inRange := r.ok
	r.Expect = "between 1 and 9, or -1 for the codec's own default"
	r.ok = func(v string) bool { return inRange(v) && strings.TrimSpace(v) != "0" }
	return r
}

func ratio() Rule { return doubleBetween(0, 1) }

func doubleBetween(lo, hi float64) Rule {
	return Rule{Type: TypeDouble, Expect: fmt.Sprintf("a number between %g and %g", lo, hi), ok: func(v string) bool {
		n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return err == nil && n >= lo && n <= hi
	}}
}

func boolean() Rule {
	return Rule{Type: TypeBoolean, Expect: "true or false", ok: func(v string) bool {
		_, ok := parseBool(v)
		return ok
	}}
}

func parseBool(v string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}

func text() Rule  { return Rule{Type: TypeString} }
func class() Rule { return Rule{Type: TypeClass} }
func list() Rule  { return Rule{Type: TypeList} }

func oneOf(values ...string) Rule {
	return Rule{Type: TypeString, Expect: "one of " + strings.Join(values, ", "), ok: func(v string) bool {
		return slices.Contains(values, v)
	}}
}

// anyCase lets a value be written in capitals, too.
func anyCase(r Rule) Rule {
	lower := r.ok
	r.ok = func(v string) bool { return lower(strings.ToLower(v)) }
	return r
}

// orEmpty lets a value be empty, too.
func orEmpty(r Rule) Rule {
	filled := r.ok
	r.Expect += ", or empty"
	r.ok = func(v string) bool { return v == "" || filled(v) }
	return r
}

func listOf(values ...string) Rule {
	return Rule{Type: TypeList, Expect: "a list of " + strings.Join(values, ", "), ok: func(v string) bool {
		for _, e := range ParseList(v) {
			if !slices.Contains(values, e) {
				return false
			}
		}
		return true
	}}
}

// someOf is listOf without the empty list.
func someOf(values ...string) Rule {
	r := listOf(values...)
	listed := r.ok
	r.Expect += ", and not empty"
	r.ok = func(v string) bool { return listed(v) && len(ParseList(v)) > 0 }
	return r
}

// replicaList is the form of the throttles: "*" or partition:broker pairs.
func replicaList() Rule {
	return Rule{
		Type: TypeList, Expect: "* for all replicas, or a list of partition:broker pairs such as 0:1,1:2",
		ok: func(v string) bool {
			elements := ParseList(v)
			if len(elements) == 1 && elements[0] == "*" {
				return true
			}
			for _, e := range elements {
				partition, broker, pair := strings.Cut(e, ":")
				if !pair || !isNatural(partition) || !isNatural(broker) {
					return false
				}
			}
			return true
		},
	}
}

func isNatural(s string) bool {
	n, err := strconv.ParseInt(s, 10, 32)
	return err == nil && n >= 0
}

// ParseList splits a list value as Kafka does: by commas, spaces trimmed.
func ParseList(v string) []string {
	if strings.TrimSpace(v) == "" {
		return nil
	}
	elements := strings.Split(v, ",")
	for i, e := range elements {
		elements[i] = strings.TrimSpace(e)
	}
	return elements
}
