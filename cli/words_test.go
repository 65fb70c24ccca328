package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"orders", "payments", "audit", "a"}
	for name, want := range map[string]string{
		"order": "orders", "odrers": "orders", "ORDERS": "orders", "payment": "payments", "pyamnets": "payments", "adit": "audit",
		"nothing.like": "", "xyz": "", "": "a",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestCheckTopicNames(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{""}, {"."}, {".."}, {"a", "a"}, {"a/b"}, {"a b"}, {strings.Repeat("x", 250)}, {"é"}} {
		if err := checkTopicNames(names); err == nil {
			t.Errorf("%q are taken", names)
		}
	}
	if err := checkTopicNames([]string{"a.B_c-9", strings.Repeat("x", 249)}); err != nil {
		t.Error(err)
	}
}

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"localhost:9092": "", "[::1]:9092": "", "kafka-1.example.org:9094": "",
		"9092": "write localhost:9092", "localhost": "write localhost:9092", "::1": "write [::1]:9092", ":9092": "write localhost:9092",
		"http://localhost:9092/": "write localhost:9092", "a:b": "port b is not", "a:0": "port 0 is not", "a:65536": "port 65536 is not", "a:": "port  is not",
		"a:1:2": "not of the form",
	} {
		err := checkAddress(address)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

// TestTerminalOfRecords: only a terminal gets values changed.
func TestTerminalOfRecords(t *testing.T) {
	t.Parallel()
	f, err := parseFormat(`%s\n`)
	if err != nil {
		t.Fatal(err)
	}
	for terminal, want := range map[bool]string{true: "a\\x1b[2Jb\n", false: "a\x1b[2Jb\n"} {
		var out bytes.Buffer
		w := newRecordWriter(&out, &reading{format: f}, terminal)
		if err := w.write(someRecord()); err != nil {
			t.Fatal(err)
		}
		if err := w.flush(); err != nil || out.String() != want {
			t.Errorf("%v: %q, %v", terminal, out.String(), err)
		}
	}
}
