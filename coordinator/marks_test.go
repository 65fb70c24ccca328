package coordinator

import (
	"errors"
	"testing"
)

func TestMarkRecord(t *testing.T) {
	t.Parallel()
	m := newMachine()
	good := markRecord("g")
	if err := m.Replay(good); err != nil || !m.marked("g") || len(m.groups) != 0 {
		t.Errorf("a mark: %v, %v", err, m.marks)
	}
	for name, value := range map[string][]byte{
		"empty":         {},
		"cut":           good.Value[:2],
		"later version": {0, 1, 0},
		"cut field":     {0, 0, 1, 5, 9},
	} {
		if err := newMachine().Replay(Record{Key: good.Key, Value: value}); !errors.Is(err, errRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	withMore := Record{Key: markKey("h"), Value: []byte{0, 0, 1, 5, 1, 7}}
	if err := m.Replay(withMore); err != nil || !m.marked("h") {
		t.Errorf("a field of a later release: %v", err)
	}
	if err := m.Replay(Record{Key: good.Key}); err != nil || m.marked("g") {
		t.Errorf("a tombstone: %v, %v", err, m.marks)
	}
}

// TestMarkWithoutCells: the load of a mark of which nothing else is left removes it.
func TestMarkWithoutCells(t *testing.T) {
	t.Parallel()
	for _, broadcast := range []bool{false, true} {
		m := newMachine()
		if err := m.Replay(markRecord("g")); err != nil {
			t.Fatal(err)
		}
		config, view := DefaultConfig(), anyView()
		view.modes = map[string]bool{"g": broadcast}
		s := &step{config: &config, view: view}
		m.restore(s)
		m.apply(s)
		if len(m.marks) > 0 || len(s.Records()) != 1 {
			t.Errorf("broadcast %v: %v after %d records", broadcast, m.marks, len(s.Records()))
		}
	}
}
