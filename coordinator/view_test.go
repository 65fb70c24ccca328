package coordinator

import "github.com/mainstem-mq/mainstem/internal/model"

// testView is a View of topics that a function knows, each of four partitions.
type testView struct {
	id      func(name string) (model.TopicID, bool)
	all     []Topic // what TopicByID and Topics know
	rules   map[string]Rules
	modes   map[string]bool // which groups broadcast; of "" those that are not named
	version int64
}

var _ View = testView{}

// anyView is a View in which every topic exists, and ids are not known.
func anyView() testView {
	return testView{id: func(string) (model.TopicID, bool) { return model.TopicID{}, true }}
}

// viewOf is a View of these topics and no others.
func viewOf(topics ...Topic) testView {
	return testView{all: topics, id: func(name string) (model.TopicID, bool) {
		for _, t := range topics {
			if t.Name == name {
				return t.ID, true
			}
		}
		return model.TopicID{}, false
	}}
}

func (v testView) Version() int64 { return v.version }

func (v testView) Topic(name string) (Topic, bool) {
	id, ok := v.id(name)
	if t, known := v.TopicByID(id); known {
		return t, ok
	}
	return Topic{Name: name, ID: id, Partitions: 4}, ok
}

func (v testView) TopicByID(id model.TopicID) (Topic, bool) {
	for _, t := range v.all {
		if t.ID == id {
			return t, true
		}
	}
	return Topic{}, false
}

func (v testView) Topics(yield func(Topic) bool) {
	for _, t := range v.all {
		if !yield(t) {
			return
		}
	}
}

func (v testView) Racks(model.TopicID) [][]string { return nil }

func (v testView) Rules(group string) Rules {
	rules, named := v.rules[group], false
	if rules.Broadcast, named = v.modes[group]; !named {
		rules.Broadcast = v.modes[""]
	}
	return rules
}
