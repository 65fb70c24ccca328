package words

import "testing"

func TestQuoted(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"orders": "orders", "": `""`, "a b": `"a b"`, "\x1b[2J": `"\x1b[2J"`, "\xff": `"\xff"`} {
		if got := Quoted(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	if got := Shown("a\x1b[2Jb\nc\xff"); got != "a?[2Jb?c?" {
		t.Errorf("%q", got)
	}
}
