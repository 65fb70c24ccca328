package cluster

import (
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

func topicNamesOf(list []*Topic) (names []string) {
	for _, t := range list {
		names = append(names, t.Name)
	}
	return names
}

// Topics by name are sorted once for an image, and each image has its own.
func TestTopicsByName(t *testing.T) {
	j, err := Open(vfs.NewMem(), "data", Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	create := func(names ...string) *Image {
		for _, name := range names {
			if r := j.CreateTopics([]TopicSpec{{Name: name, Partitions: 1}})[0]; r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		return j.Image()
	}
	before := create("c", "a", "b")
	list := before.TopicsByName()
	if again := before.TopicsByName(); &again[0] != &list[0] {
		t.Error("the list was made twice")
	}
	if err := j.DeleteTopics([]string{"b"})[0]; err != nil {
		t.Fatal(err)
	}
	after := create("aa")
	if got, want := topicNamesOf(after.TopicsByName()), []string{"a", "aa", "c"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := topicNamesOf(before.TopicsByName()), []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("the image before has %v, want %v", got, want)
	}
}
