package server

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// DescribeLogDirs (key 35), versions 0 to 4; Kafka 4 begins with 1, which has the same
// fields.
//
// Versions:
//   - v2: flexible
//   - v3: an error of the whole answer
//   - v4: size and free space of the disk (KIP-827)
//
// Differs from Kafka: there is one directory, and a partition's size is that
// of its batches in the shared log; a partition that holds nothing yet is
// listed with size 0.
func (s *Server) describeLogDirs(c *call, req *kmsg.DescribeLogDirsRequest) {
	resp := kmsg.NewPtrDescribeLogDirsResponse()
	d := kmsg.NewDescribeLogDirsResponseDir()
	d.Dir, d.TotalBytes, d.UsableBytes = s.cfg.DataDir, -1, -1
	free, total, err := s.space()
	if err != nil {
		s.log.Warn("the disk's free space is not known", zap.Error(err))
	} else {
		d.TotalBytes, d.UsableBytes = total, free
	}
	img := s.meta.Image()
	if req.Topics == nil {
		for _, t := range img.TopicsByName() {
			d.Topics = s.appendSizes(d.Topics, t, func(int32) bool { return true })
		}
	}
	wanted := wantedSizes(req)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if t, ok := img.Topic(name); ok {
			d.Topics = s.appendSizes(d.Topics, t, wanted[name].has)
		}
	}
	resp.Dirs = append(resp.Dirs, d)
	resp.ErrorCode = int16(protocol.NoError)
	c.answer(resp)
}

// indexes is a set of partitions of a topic.
type indexes map[int32]struct{}

func (x indexes) has(index int32) bool {
	_, ok := x[index]
	return ok
}

// wantedSizes is what a request asks for, which may name a topic more than once. A
// topic without partitions is none.
func wantedSizes(req *kmsg.DescribeLogDirsRequest) map[string]indexes {
	wanted := map[string]indexes{}
	for _, t := range req.Topics {
		for _, index := range t.Partitions {
			if wanted[t.Topic] == nil {
				wanted[t.Topic] = indexes{}
			}
			wanted[t.Topic][index] = struct{}{}
		}
	}
	return wanted
}

// appendSizes lists the partitions of a topic that are led here and wanted, if there
// are any.
func (s *Server) appendSizes(topics []kmsg.DescribeLogDirsResponseDirTopic, t *cluster.Topic, wanted func(index int32) bool) []kmsg.DescribeLogDirsResponseDirTopic {
	out := kmsg.DescribeLogDirsResponseDirTopic{Topic: t.Name}
	for i := range t.Partitions {
		index := t.Partitions[i].Index
		if !wanted(index) {
			continue
		}
		p, err := s.partitions.FindByID(t.ID, index)
		if err != nil {
			continue
		}
		out.Partitions = append(out.Partitions, kmsg.DescribeLogDirsResponseDirTopicPartition{Partition: index, Size: p.Bytes()})
	}
	if len(out.Partitions) == 0 {
		return topics
	}
	return append(topics, out)
}
