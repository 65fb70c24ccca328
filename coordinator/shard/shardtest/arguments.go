package shardtest

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// Arguments reads a command's arguments by name.
type Arguments struct {
	T *testing.T
	D *datadriven.TestData
}

// Has reports whether an argument is there.
func (a Arguments) Has(name string) bool { return a.D.HasArg(name) }

// List is an argument's values; nil if it is not there.
func (a Arguments) List(name string) []string {
	for _, arg := range a.D.CmdArgs {
		if arg.Key == name {
			vals := slices.Clone(arg.Vals)
			for i := range vals {
				vals[i] = Strange(vals[i])
			}
			return vals
		}
	}
	return nil
}

// Text is an argument's first value.
func (a Arguments) Text(name, otherwise string) string {
	if v := a.List(name); len(v) > 0 {
		return v[0]
	}
	return otherwise
}

// Number is an argument that is a number.
func (a Arguments) Number(name string, otherwise int64) int64 {
	a.T.Helper()
	return value(a, name, otherwise, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
}

// Span is an argument that is a time, such as 5s.
func (a Arguments) Span(name string, otherwise time.Duration) time.Duration {
	a.T.Helper()
	return value(a, name, otherwise, time.ParseDuration)
}

func value[V any](a Arguments, name string, otherwise V, parse func(string) (V, error)) V {
	a.T.Helper()
	if !a.Has(name) {
		return otherwise
	}
	v, err := parse(a.Text(name, ""))
	if err != nil {
		a.D.Fatalf(a.T, "%s: %v", name, err)
	}
	return v
}
