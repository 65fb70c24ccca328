package server

import (
	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/replication"
)

// groupView is the metadata as the group coordinator sees it.
type groupView struct {
	configs *cluster.Resolver
	img     *cluster.Image
}

// GroupView shows one image to the group coordinator.
func GroupView(configs *cluster.Resolver, img *cluster.Image) coordinator.View {
	return groupView{configs, img}
}

// LogStart tells the group coordinator where a partition begins; one that is not
// there begins at 0.
func LogStart(partitions *replication.Partitions, topic string, partition int32) int64 {
	p, gone := partitions.Find(topic, partition)
	if gone != nil {
		return 0
	}
	return int64(p.Offsets().LogStart)
}

// Version implements coordinator.View.
func (v groupView) Version() int64 { return int64(v.img.Version) }

// Topic implements coordinator.View.
func (v groupView) Topic(name string) (coordinator.Topic, bool) { return groupTopic(v.img.Topic(name)) }

// TopicByID implements coordinator.View.
func (v groupView) TopicByID(id model.TopicID) (coordinator.Topic, bool) {
	return groupTopic(v.img.TopicByID(id))
}

// Topics implements coordinator.View.
func (v groupView) Topics(yield func(coordinator.Topic) bool) {
	v.img.Topics(func(t *cluster.Topic) bool {
		topic, _ := groupTopic(t, true)
		return yield(topic)
	})
}

func groupTopic(t *cluster.Topic, ok bool) (coordinator.Topic, bool) {
	if !ok {
		return coordinator.Topic{}, false
	}
	return coordinator.Topic{Name: t.Name, ID: t.ID, Partitions: int32(len(t.Partitions)), Internal: t.Internal}, true
}

// Racks implements coordinator.View.
func (v groupView) Racks(topic model.TopicID) [][]string {
	t, ok := v.img.TopicByID(topic)
	if !ok {
		return nil
	}
	var racks [][]string
	for partition := range t.Partitions {
		for _, id := range t.Partitions[partition].Replicas {
			b, ok := v.img.Broker(id)
			if !ok || b.Rack == "" {
				continue
			}
			if racks == nil {
				racks = make([][]string, len(t.Partitions))
			}
			racks[partition] = append(racks[partition], b.Rack)
		}
	}
	return racks
}

// Rules implements coordinator.View.
func (v groupView) Rules(group string) coordinator.Rules {
	set := v.img.GroupSettings(group)
	return coordinator.Rules{
		Broadcast: v.configs.Broadcast(v.img, group),
		Session:   set.ConsumerSession, Heartbeat: set.ConsumerHeartbeat, Assignor: set.ConsumerAssignor,
	}
}
