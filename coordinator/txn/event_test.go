package txn

import "testing"

// TestEventNames: kinds of the shards and of this room have one name each.
func TestEventNames(t *testing.T) {
	t.Parallel()
	named := map[string]EventKind{}
	for k := range Refused + 1 {
		before, twice := named[k.String()]
		if twice || k.String() == "unknown event" {
			t.Errorf("%d is called %q, as %d", k, k, before)
		}
		named[k.String()] = k
	}
	if k := RecordSkipped; k.String() != "record skipped" {
		t.Errorf("%s", k)
	}
}
