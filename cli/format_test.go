package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

func someRecord() *kgo.Record {
	return &kgo.Record{
		Topic: "orders", Partition: 3, Offset: 17, Timestamp: time.UnixMilli(1795352400123),
		Key: []byte("k1"), Value: []byte("a\x1b[2Jb"), Headers: []kgo.RecordHeader{{Key: "x", Value: []byte("1")}, {Key: "y"}},
	}
}

// TestFormat prints one record in kcat's words.
func TestFormat(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		`%s\n`:                              "a\x1b[2Jb\n",
		`%t [%p] at %o: %k (%K/%S) %T\n`:    "orders [3] at 17: k1 (2/6) 1795352400123\n",
		`{%h}`:                              "{x=1,y=}",
		`%R`:                                "\x00\x00\x00\x06",
		`100%%\t\x41\x7e\\\0\r`:             "100%\tA~\\\x00\r",
		``:                                  "",
		`just text`:                         "just text",
		"%k" + strings.Repeat("%%", 3) + "": "k1%%%",
	} {
		f, err := parseFormat(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if got := string(f.append(nil, someRecord(), false)); got != want {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
	f, err := parseFormat(`%k|%K|%s|%S|%h|%R`)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(f.append(nil, &kgo.Record{}, false)); got != "|-1||-1||\xff\xff\xff\xff" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestFormatErrors(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		`%`:      "ends with a %",
		`ab%`:    "ends with a %",
		`%x`:     "at 1: there is no %x",
		`ab%é`:   "at 3: there is no %é",
		`\`:      "ends with a backslash",
		`\q`:     `at 1: there is no \q`,
		`\x`:     "two hexadecimal digits",
		`\x4`:    "two hexadecimal digits",
		`\xzz`:   "two hexadecimal digits",
		"%\x1b":  `there is no %\x1b`,
		`%s\u12`: `there is no \u`,
	} {
		if _, err := parseFormat(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", spec, err, want)
		}
	}
}

// TestSafe: what a record holds does nothing to a terminal, and what is text stays it.
func TestSafe(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain, größer 日本\n\tx": "plain, größer 日本\n\tx",
		"\x1b[2J":               `\x1b[2J`,
		"a\rb\x00\x7f":          `a\x0db\x00\x7f`,
		"\xff\xfe":              `\xff\xfe`,
		"\u009b31m":             `\xc2\x9b31m`,  // an escape of Latin 1
		"\u202e":                `\xe2\x80\xae`, // text that runs the other way
		"\ufffd":                "\ufffd",
	} {
		if got := string(appendSafe(nil, []byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzFormat: a format that is taken prints every record, and on a terminal nothing but
// text; one that is not has an error that may be printed, too.
func FuzzFormat(f *testing.F) {
	f.Add(`%t [%p] at %o: %k = %s\n`, []byte("k"), []byte("v\x1b"))
	f.Add(`\x41%R%h%%`, []byte(nil), []byte("\xff"))
	f.Add(`%`, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, spec string, key, value []byte) {
		parsed, err := parseFormat(spec)
		if err != nil {
			if text := err.Error(); text != string(appendSafe(nil, []byte(text))) || strings.Contains(text, "\n") {
				t.Fatalf("%q: %q", spec, text)
			}
			return
		}
		r := &kgo.Record{Topic: "t", Key: key, Value: value, Headers: []kgo.RecordHeader{{Key: string(key), Value: value}}}
		literal := 0
		for i := range parsed {
			literal += len(parsed[i].text)
			parsed[i].text = nil
		}
		if literal > len(spec) {
			t.Fatalf("%q has %d bytes of text", spec, literal)
		}
		safe := string(parsed.append(nil, r, true))
		if !utf8.ValidString(safe) || safe != string(appendSafe(nil, []byte(safe))) {
			t.Fatalf("%q prints %q", spec, safe)
		}
		parsed.append(nil, r, false)
	})
}
