package disk

import "testing"

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 1 << 20: "1.0 MiB", 1856 << 20: "1856.0 MiB",
		10<<30 - 1: "10240.0 MiB", 10 << 30: "10.0 GiB", 5 << 40: "5120.0 GiB", 12 << 40: "12.0 TiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
