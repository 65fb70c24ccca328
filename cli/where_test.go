package cli

import (
	"strings"
	"testing"
	"time"
)

func TestParseWhere(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)
	for text, want := range map[string]where{
		"beginning":            {kind: atBeginning},
		"earliest":             {kind: atBeginning},
		"end":                  {kind: atEnd},
		"latest":               {kind: atEnd},
		"0":                    {kind: atOffset},
		"1200":                 {kind: atOffset, offset: 1200},
		"-1":                   {kind: beforeEnd, offset: 1},
		"-9223372036854775807": {kind: beforeEnd, offset: 9223372036854775807},
		"2026-11-22T12:00:00Z": {kind: atTime, at: now.Add(-time.Hour)},
		"2026-11-22T14:00:00.5+02:00": {
			kind: atTime, at: now.Add(-time.Hour + 500*time.Millisecond),
		},
		"@1795352400000": {kind: atTime, at: time.UnixMilli(1795352400000)},
		"15m":            {kind: atTime, at: now.Add(-15 * time.Minute)},
		"1d12h":          {kind: atTime, at: now.Add(-36 * time.Hour)},
		"7d":             {kind: atTime, at: now.Add(-7 * 24 * time.Hour)},
	} {
		got, err := parseWhere(text, now)
		if err != nil || got.kind != want.kind || got.offset != want.offset || !got.at.Equal(want.at) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "begin", "-0", "+5m", "-5m", "@", "@-1", "@x", "2026-11-22", "1969-01-01T00:00:00Z", "99999d", "9999999999999999999",
		"-9223372036854775808", "1d-1h", "100000d1h", "1d99999999h",
	} {
		if got, err := parseWhere(text, now); err == nil {
			t.Errorf("%q is taken as %+v", text, got)
		}
	}
}

// FuzzParseWhere: nothing is taken for a time before 1970, an offset below 0 or no
// record at all.
func FuzzParseWhere(f *testing.F) {
	for _, text := range []string{"beginning", "-10", "17", "@5", "1d12h", "2026-11-22T13:00:00Z", "x"} {
		f.Add(text)
	}
	now := time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := parseWhere(text, now)
		switch {
		case err != nil:
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Fatalf("%q", err)
			}
		case w.kind == beforeEnd && w.offset < 1, w.kind == atOffset && w.offset < 0, w.kind == atTime && w.at.UnixMilli() < 0:
			t.Fatalf("%q is %+v", text, w)
		}
	})
}

func TestParsePartitions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"0": "0", "3,1": "1,3", "0,2-4,3": "0,2,3,4", " 1 , 2": "1,2"} {
		got, err := parsePartitions(text)
		if err != nil || numberList(got) != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{",", "a", "-1", "4-2", "0-2147483647", "2147483648", "1-", "0-1000000,0-1000000"} {
		if got, err := parsePartitions(text); err == nil {
			t.Errorf("%s is taken as %d numbers", text, len(got))
		}
	}
}
