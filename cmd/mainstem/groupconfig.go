package main

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
)

// groupRules reads the settings of groups. Every request to a group asks for
// them, and they are the same for as long as the metadata is: to resolve each of
// them again took a tenth of what a commit costs.
type groupRules struct {
	resolver *cluster.Resolver
	meta     *cluster.Journal
	last     atomic.Pointer[imageRules]
}

// imageRules are those of one image.
type imageRules struct {
	img    *cluster.Image
	config coordinator.Config
}

// config is the rules as of now; what it points to is shared.
func (g *groupRules) config() coordinator.Config {
	img := g.meta.Image()
	if last := g.last.Load(); last != nil && last.img == img {
		return last.config
	}
	now := &imageRules{img, groupConfig(g.resolver, img)}
	g.last.Store(now)
	return now.config
}

// groupConfig reads the rules of groups.
func groupConfig(r *cluster.Resolver, img *cluster.Image) coordinator.Config {
	ms := func(key string) time.Duration { return r.Duration(img, key, time.Millisecond) }
	c := coordinator.DefaultConfig()
	c.Shards = int32(r.Int(img, "offsets.topic.num.partitions"))
	if t, ok := img.Topic(cluster.OffsetsTopic); ok {
		c.Shards = int32(len(t.Partitions))
	}
	c.SessionTimeoutMin, c.SessionTimeoutMax = ms("group.min.session.timeout.ms"), ms("group.max.session.timeout.ms")
	c.MembersMax = int(r.Int(img, "group.max.size"))
	c.InitialRebalanceDelay = ms("group.initial.rebalance.delay.ms")
	c.ConsumerSession = coordinator.Bounded{
		Default: ms("group.consumer.session.timeout.ms"),
		Min:     ms("group.consumer.min.session.timeout.ms"), Max: ms("group.consumer.max.session.timeout.ms"),
	}
	c.ConsumerHeartbeat = coordinator.Bounded{
		Default: ms("group.consumer.heartbeat.interval.ms"),
		Min:     ms("group.consumer.min.heartbeat.interval.ms"), Max: ms("group.consumer.max.heartbeat.interval.ms"),
	}
	c.Assignors = r.List(img, "group.consumer.assignors")
	c.Migration = coordinator.Migration(strings.ToLower(r.Text(img, "group.consumer.migration.policy")))
	c.ConsumerMembersMax = int(r.Int(img, "group.consumer.max.size"))
	c.OffsetMetadataMax = int(r.Int(img, "offset.metadata.max.bytes"))
	c.OffsetsRetention = r.Duration(img, "offsets.retention.minutes", time.Minute)
	c.OffsetsCheckInterval = ms("offsets.retention.check.interval.ms")
	// What does not fit a file of the log would be refused again and again.
	unit := int(r.Int(img, cluster.SegmentBytesKey) / 3)
	c.BatchBytesMax, c.UnitBytesMax = min(c.BatchBytesMax, unit), min(c.UnitBytesMax, unit)
	c.GroupBytesMax, c.RecordBytesMax = min(c.GroupBytesMax, unit), min(c.RecordBytesMax, unit)
	return c
}
