package main

import (
	"maps"
	"testing"
)

func TestProperties(t *testing.T) {
	for _, c := range []struct {
		in   string
		want map[string]string
	}{
		{"", nil},
		{"# c\n! c\n\n  a=1\nb = 2 \nc: 3\nd 4\ne\n", map[string]string{"a": "1", "b": "2", "c": "3", "d": "4", "e": ""}},
		{"a=1,\\\n   2,\\\n\t3\nb=x\\\\\nc=y", map[string]string{"a": "1,2,3", "b": `x\`, "c": "y"}},
		{`a\ b\=c=d\te\u0041\uD83D\uDE00`, map[string]string{"a b=c": "d\teA\U0001F600"}},
		{"a=1\r\nb=2\ra=3", map[string]string{"a": "3", "b": "2"}},
		{"listeners=PLAINTEXT://h:1", map[string]string{"listeners": "PLAINTEXT://h:1"}},
		{"a=1\\", map[string]string{"a": `1\`}},
	} {
		got, err := parseProperties(c.in)
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%q: %q, %v", c.in, got, err)
		}
	}
	for _, bad := range []string{`a=\u12`, `a=\uzzzz`} {
		if got, err := parseProperties(bad); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

func FuzzProperties(f *testing.F) {
	f.Add("a=1\\\n2\n\\u0041:x")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := parseProperties(in)
		if err == nil && len(got) > len(in) {
			t.Fatalf("%d settings of %d bytes", len(got), len(in))
		}
	})
}

func TestListenersAdvertise(t *testing.T) {
	host := func() (string, error) { return "box", nil }
	got, warnings, err := listenersOf(listenerSettings{
		listeners:  []string{"A://127.0.0.1:1", "b://:2", "C://[::]:0"},
		advertised: []string{"A://public:10"},
	}, host)
	want := []Listener{
		{"A", "127.0.0.1", 1, "public", 10}, {"B", "", 2, "box", 2}, {"C", "::", 0, "box", 0},
	}
	if err != nil || len(warnings) != 2 || len(got) != 3 {
		t.Fatal(got, warnings, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	if got[2].Address() != "[::]:0" {
		t.Error(got[2].Address())
	}
}
