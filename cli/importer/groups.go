package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// position is what a group has committed for a partition.
type position struct {
	topic     string
	partition int32
	offset    int64
	metadata  *string
}

// group is a consumer group of the source with positions in the topics.
type group struct {
	name, state string
	positions   []position
}

// active reports whether a group has members, whose positions move.
func (g *group) active() bool {
	return !slices.Contains([]string{"Empty", "Dead", "Unknown", ""}, g.state)
}

// positions finds the groups that are meant. One with members is an error, unless they
// were asked for.
func (im *Importer) positions(ctx context.Context) (groups []group, err error) {
	im.progress.begin("groups", 0, 0, 0)
	var listed []kmsg.ListGroupsResponseGroup
	err = im.persist(ctx, func(ctx context.Context) (err error) {
		listed, err = im.listGroups(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var active []string
	for i := range listed {
		l := &listed[i]
		if !slices.ContainsFunc(im.cfg.Groups, func(pattern string) bool { return matches(pattern, l.Group) }) ||
			l.GroupType != "" && !strings.EqualFold(l.GroupType, "classic") && !strings.EqualFold(l.GroupType, "consumer") {
			continue // shares and streams have no positions of this kind
		}
		g := group{name: l.Group, state: l.GroupState}
		err := im.persist(ctx, func(ctx context.Context) (err error) {
			g.positions, err = im.source.committed(ctx, g.name, im.imports)
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(g.positions) == 0 {
			continue
		}
		if groups = append(groups, g); g.active() {
			active = append(active, g.name)
		}
	}
	if len(active) > 0 && !im.cfg.ActiveGroups {
		return nil, fmt.Errorf("groups with members at the source, whose positions still move: %s. Stop their consumers; or --active-groups copies the positions as they are, "+
			"--groups chooses among the groups, and --no-groups copies none", strings.Join(active, ", "))
	}
	return groups, nil
}

// imports reports whether a topic is imported.
func (im *Importer) imports(topic string) bool {
	return slices.ContainsFunc(im.topics, func(t *copied) bool { return t.name == topic })
}

// listGroups asks all brokers of the source for their groups.
func (im *Importer) listGroups(ctx context.Context) (all []kmsg.ListGroupsResponseGroup, err error) {
	if len(im.cfg.Groups) == 0 {
		return nil, nil
	}
	for _, shard := range im.source.Client.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		if shard.Err != nil {
			return nil, im.source.failed("groups", shard.Err)
		}
		resp, ok := shard.Resp.(*kmsg.ListGroupsResponse)
		if !ok {
			continue
		}
		if err := im.source.refused("groups", resp.ErrorCode, nil); err != nil {
			return nil, err
		}
		all = append(all, resp.Groups...)
	}
	for i := range all {
		if all[i].GroupState == "" { // a broker from before Kafka 2.6
			if all[i].GroupState, err = im.describeGroup(ctx, all[i].Group); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(all, func(a, b kmsg.ListGroupsResponseGroup) int { return strings.Compare(a.Group, b.Group) })
	return all, nil
}

// describeGroup asks for the state of a group.
func (im *Importer) describeGroup(ctx context.Context, name string) (string, error) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{name}
	resp, err := req.RequestWith(ctx, im.source.Client)
	if err != nil {
		return "", im.source.failed("group "+name, err)
	}
	if len(resp.Groups) != 1 {
		return "", errors.New("the source has not answered for group " + name)
	}
	return resp.Groups[0].State, im.source.refused("group "+name, resp.Groups[0].ErrorCode, nil)
}

// committed asks for the positions of a group in topics, stable ones alone.
func (s *side) committed(ctx context.Context, name string, in func(topic string) bool) (list []position, err error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group, req.RequireStable = name, true
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = name
	req.Groups = append(req.Groups, g)
	resp, err := req.RequestWith(ctx, s.Client)
	if err != nil {
		return nil, s.failed("positions of group "+name, err)
	}
	if err := s.refused("group "+name, resp.ErrorCode, nil); err != nil {
		return nil, err
	}
	topics := resp.Topics
	if len(resp.Groups) > 0 {
		if err := s.refused("group "+name, resp.Groups[0].ErrorCode, nil); err != nil {
			return nil, err
		}
		topics = nil
		for i := range resp.Groups[0].Topics {
			t := &resp.Groups[0].Topics[i]
			out := kmsg.OffsetFetchResponseTopic{Topic: t.Topic}
			if out.Topic == "" {
				out.Topic = s.topicNamed(t.TopicID)
			}
			for _, p := range t.Partitions {
				out.Partitions = append(out.Partitions, kmsg.OffsetFetchResponseTopicPartition(p))
			}
			topics = append(topics, out)
		}
	}
	for i := range topics {
		t := &topics[i]
		for _, p := range t.Partitions {
			if err := s.refused(fmt.Sprintf("position of group %s in %s-%d", name, t.Topic, p.Partition), p.ErrorCode, nil); err != nil {
				return nil, err
			}
			if in(t.Topic) && p.Offset >= 0 {
				list = append(list, position{t.Topic, p.Partition, p.Offset, p.Metadata})
			}
		}
	}
	return list, nil
}

// topicNamed is the name of a topic of an id.
func (s *side) topicNamed(id [16]byte) string {
	for name, t := range s.topics {
		if t.id == id {
			return name
		}
	}
	return ""
}

// copyPositions commits at the target what groups have committed at the source, and
// looks that it is there.
func (im *Importer) copyPositions(ctx context.Context) (reports []GroupReport, err error) {
	groups, err := im.positions(ctx)
	if err != nil {
		return nil, err
	}
	for i := range groups {
		g := &groups[i]
		err := im.persist(ctx, func(ctx context.Context) error { return im.commit(ctx, g) })
		if err != nil {
			return reports, err
		}
		var got []position
		err = im.persist(ctx, func(ctx context.Context) (err error) {
			got, err = im.target.committed(ctx, g.name, im.imports)
			return err
		})
		if err != nil {
			return reports, err
		}
		for _, want := range g.positions {
			if !slices.ContainsFunc(got, want.is) {
				return reports, fmt.Errorf("group %s: the position %d in %s-%d is not at the target, though it took it", g.name, want.offset, want.topic, want.partition)
			}
		}
		reports = append(reports, GroupReport{Group: g.name, State: g.state, Positions: len(g.positions)})
	}
	return reports, nil
}

// is reports whether another position is the same; no metadata and empty are.
func (p position) is(o position) bool {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return p.topic == o.topic && p.partition == o.partition && p.offset == o.offset && text(p.metadata) == text(o.metadata)
}

// commit commits the positions of a group without members. Leader epochs are those of the
// source, and mean nothing at the target.
func (im *Importer) commit(ctx context.Context, g *group) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = g.name, -1
	for _, p := range g.positions {
		i := slices.IndexFunc(req.Topics, func(t kmsg.OffsetCommitRequestTopic) bool { return t.Topic == p.topic })
		if i < 0 {
			t := kmsg.NewOffsetCommitRequestTopic()
			t.Topic, t.TopicID = p.topic, im.target.topicID(p.topic)
			req.Topics, i = append(req.Topics, t), len(req.Topics)
		}
		x := kmsg.NewOffsetCommitRequestTopicPartition()
		x.Partition, x.Offset, x.LeaderEpoch, x.Metadata = p.partition, p.offset, -1, p.metadata
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, x)
	}
	resp, err := req.RequestWith(ctx, im.target.Client)
	if err != nil {
		return im.target.failed("positions of group "+g.name, err)
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for _, p := range t.Partitions {
			if err := im.target.refused(fmt.Sprintf("position of group %s in partition %d of %s (has the group members there?)", g.name, p.Partition, t.Topic), p.ErrorCode, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
