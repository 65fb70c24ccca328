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

// Reshaped finds what was made, deleted, made anew or grown between two images,
// and nothing else.
func TestReshaped(t *testing.T) {
	j, err := Open(vfs.NewMem(), "data", Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	create := func(names ...string) {
		for _, name := range names {
			if r := j.CreateTopics([]TopicSpec{{Name: name, Partitions: 1}})[0]; r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	remove := func(name string) {
		if err := j.DeleteTopics([]string{name})[0]; err != nil {
			t.Fatal(err)
		}
	}
	reshaped := func(before, after *Image) (names []string) {
		before.Reshaped(after, func(name string) { names = append(names, name) })
		slices.Sort(names)
		return names
	}
	empty := j.Image()
	create("same", "configured", "gone", "anew", "grown")
	before := j.Image()
	create("made", "passing")
	remove("passing")
	remove("gone")
	remove("anew")
	create("anew")
	if err := j.CreatePartitions("grown", 2); err != nil {
		t.Fatal(err)
	}
	value := "5"
	if err := j.AlterConfigs(Resource{Type: ResourceTopic, Name: "configured"}, []ConfigChange{{Key: "flush.messages", Value: &value}}); err != nil {
		t.Fatal(err)
	}
	if got, want := reshaped(before, j.Image()), []string{"anew", "gone", "grown", "made"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := reshaped(j.Image(), j.Image()); got != nil {
		t.Errorf("nothing changed, but %v", got)
	}
	if got, want := reshaped(empty, before), []string{"anew", "configured", "gone", "grown", "same"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
