package coordinator

import (
	"errors"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
)

func someRewind() *rewind {
	return &rewind{
		id: "r", phase: rewindDone, ignoreBelow: 7, started: 5, ended: noTime, undoes: true,
		topics: []rewindTopic{
			{name: "t", id: model.TopicID{1}, partitions: []rewindMark{{0, 10, -1}, {3, 11, 20}}},
			{name: "u", id: model.TopicID{2}},
		},
		guards: []rewindTopic{{name: "t", id: model.TopicID{1}, partitions: []rewindMark{{3, 6, -1}}}},
	}
}

// TestRewindRecord: what is written is read, holds the group, and goes with it.
func TestRewindRecord(t *testing.T) {
	t.Parallel()
	m := newMachine()
	r := rewindRecord("g", someRewind())
	if err := m.Replay(r); err != nil {
		t.Fatal(err)
	}
	if d := diff(someRewind(), m.groups["g"].rewind); d != "" {
		t.Errorf("written (-) and read (+):\n%s", d)
	}
	config := DefaultConfig()
	s := &step{config: &config, view: anyView()}
	m.deleteGroup(s, "g")
	m.apply(s)
	if len(m.groups) != 0 {
		t.Error("the deleted group is still there")
	}
	if err := checkDurable(m, append([]Record{r}, s.Records()...)); err != nil {
		t.Error(err)
	}
}

func TestBadRewinds(t *testing.T) {
	t.Parallel()
	good := rewindRecord("g", someRewind())
	for name, r := range map[string]Record{
		"no kind":       {Key: good.Key[:2], Value: good.Value},
		"cut key":       {Key: good.Key[:4], Value: good.Value},
		"cut value":     {Key: good.Key, Value: good.Value[:len(good.Value)-1]},
		"later version": {Key: good.Key, Value: append([]byte{0, 1}, good.Value[2:]...)},
		"unknown phase": {Key: good.Key, Value: append([]byte("\x00\x00\x02r\x03"), good.Value[5:]...)},
	} {
		if err := newMachine().Replay(r); !errors.Is(err, errRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := newMachine()
	if err := m.Replay(Record{Key: []byte("\x4d\x53\x03anything"), Value: []byte("x")}); err != nil || len(m.groups) > 0 {
		t.Errorf("a kind of a later release: %v", err)
	}
}
