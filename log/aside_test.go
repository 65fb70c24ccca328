package log

import (
	"slices"
	"testing"
)

// What was set aside stays, whatever is set aside under the same name later in
// the same count of starts.
func TestSetAsideReplacesNothing(t *testing.T) {
	f := newFixture(t, Config{})
	f.close()
	for range 3 {
		file, err := f.mem().Create("/data/x")
		if err == nil {
			err = file.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		as, err := setAside(f.disk.fs, f.disk.dir, "x", 7)
		if err != nil || quarantineStarts(as) != 7 {
			t.Errorf("%q, %v", as, err)
		}
	}
	if names := f.files(quarantinePrefix); !slices.Equal(names, []string{"quarantine-7-2-x", "quarantine-7-3-x", "quarantine-7-x"}) {
		t.Error(names)
	}
}
