package loop

import (
	"strings"
	"testing"
)

// TestTape plants what a broker could do wrong, and wants each found.
func TestTape(t *testing.T) {
	type read struct {
		partition int32
		offset    int64
		value     string // "": the mark at the end of a transaction
	}
	right := []read{{0, 0, "0/0"}, {1, 0, "1/0"}, {0, 1, "0/1"}, {0, 2, ""}, {0, 5, "0/2"}, {0, 6, ""}}
	for _, c := range []struct {
		name  string
		dense bool
		reads []read
		want  string
	}{
		{"right", false, right, ""},
		{"a duplicate", false, append(right[:5:5], read{0, 6, "0/2"}), "record 2 is there twice"},
		{"one of before again", false, append(right[:5:5], read{0, 6, "0/0"}), "record 0 is there twice"},
		{"a gap", false, append(right[:4:4], read{0, 5, "0/3"}), "2 is missing"},
		{"swapped", false, []read{{0, 0, "0/1"}, {0, 1, "0/0"}}, "0 is missing"},
		{"the last one is missing", false, right[:4], "2 records are read, and not 3"},
		{"one too many", false, append(right[:6:6], read{0, 7, "0/3"}), "4 records are read, and not 3"},
		{"another partition's", false, append(right[:2:2], read{1, 1, "0/1"}), "never written there"},
		{"of nobody", false, append(right[:2:2], read{1, 1, "end"}), "never written there"},
		{"an offset twice", false, append(right[:2:2], read{0, 0, "0/1"}), "is read after"},
		{"right, dense", true, []read{{0, 0, "0/0"}, {0, 1, "0/1"}, {0, 2, "0/2"}, {1, 0, "1/0"}}, ""},
		{"moved", true, []read{{0, 0, "0/0"}, {0, 2, "0/1"}}, "record 1 is at offset 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tape := newTape("t", 2, c.dense)
			var err error
			for _, r := range c.reads {
				if r.value == "" {
					err = tape.passed(r.partition, r.offset)
				} else {
					err = tape.saw(r.partition, r.offset, r.value)
				}
				if err != nil {
					break
				}
			}
			if err == nil {
				err = tape.check([]int64{3, 1})
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("found %v, want %q", err, c.want)
			}
		})
	}
}
