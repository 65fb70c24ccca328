package words

import (
	"testing"
	"time"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 1 << 20: "1.0 MiB", 1856 << 20: "1856.0 MiB",
		10<<30 - 1: "10240.0 MiB", 10 << 30: "10.0 GiB", 5 << 40: "5120.0 GiB", 12 << 40: "12.0 TiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestCounted(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 boxes", 1: "1 box", 2: "2 boxes"} {
		if got := Counted(n, "box", "boxes"); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 ms", 999 * time.Millisecond: "999 ms", 59900 * time.Millisecond: "59 s", time.Minute: "1 min", 61 * time.Second: "1 min 1 s",
		47*time.Hour + 59*time.Minute: "47 h 59 min", 48 * time.Hour: "2 d", 49 * time.Hour: "2 d 1 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for want, numbers := range map[string][]int32{"": nil, "7": {7}, "0-2,4,6-7": {0, 1, 2, 4, 6, 7}} {
		if got := Ranges(numbers); got != want {
			t.Errorf("%v: %s, want %s", numbers, got, want)
		}
	}
}
