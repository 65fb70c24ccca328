package server_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/server"
)

// The group coordinator sees topics, where they stand and what is set on groups
// as they were when it looked.
func TestGroupView(t *testing.T) {
	t.Parallel()
	meta, err := cluster.Open(vfs.NewMem(), "data", cluster.Options{NodeID: 1, Rack: "r"})
	must(t, err)
	defer func() { must(t, meta.Close()) }()
	for _, spec := range []cluster.TopicSpec{
		{Name: "t", Partitions: 3}, {Name: cluster.OffsetsTopic, Partitions: 1, Internal: true},
	} {
		must(t, meta.CreateTopics([]cluster.TopicSpec{spec})[0].Err)
	}
	value := "50000"
	must(t, meta.AlterConfigs(cluster.Resource{Type: cluster.ResourceGroup, Name: "g"},
		[]cluster.ConfigChange{{Key: "consumer.session.timeout.ms", Value: &value}}))
	configs := cluster.NewResolver(nil)
	view := server.GroupView(configs, meta.Image())
	must(t, meta.DeleteTopics([]string{"t"})[0])

	topic, ok := view.Topic("t")
	if !ok || topic.Name != "t" || topic.Partitions != 3 || topic.Internal || topic.ID.IsZero() {
		t.Errorf("%v, %+v", ok, topic)
	}
	if byID, ok := view.TopicByID(topic.ID); !ok || byID != topic {
		t.Errorf("by its id %+v, want %+v", byID, topic)
	}
	if _, ok := view.Topic("u"); ok {
		t.Error("a topic that does not exist")
	}
	if got := fmt.Sprint(view.Racks(topic.ID)); got != "[[r] [r] [r]]" || view.Racks(model.TopicID{}) != nil {
		t.Errorf("racks %v", got)
	}
	var names []string
	view.Topics(func(t coordinator.Topic) bool {
		if t.Internal {
			names = append(names, "internal")
		}
		names = append(names, t.Name)
		return true
	})
	if slices.Sort(names); !slices.Equal(names, []string{cluster.OffsetsTopic, "internal", "t"}) {
		t.Errorf("topics %v", names)
	}
	if got := view.Rules("g"); got != (coordinator.Rules{Session: 50 * time.Second}) || view.Rules("h") != (coordinator.Rules{}) {
		t.Errorf("rules %+v", got)
	}
	if now := server.GroupView(configs, meta.Image()); now.Version() <= view.Version() {
		t.Errorf("version %d after %d", now.Version(), view.Version())
	}
}
