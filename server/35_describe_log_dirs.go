package server

import (
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
			d.Topics = append(d.Topics, s.topicSizes(t, nil))
		}
	}
	for _, asked := range distinct(req.Topics, func(t kmsg.DescribeLogDirsRequestTopic) string { return t.Topic }) {
		if t, ok := img.Topic(asked.Topic); ok {
			slices.Sort(asked.Partitions)
			d.Topics = append(d.Topics, s.topicSizes(t, asked.Partitions))
		}
	}
	resp.Dirs = append(resp.Dirs, d)
	resp.ErrorCode = int16(protocol.NoError)
	c.answer(resp)
}

// topicSizes lists the partitions that are led here and wanted, which is in
// order; nil means all.
func (s *Server) topicSizes(t *cluster.Topic, wanted []int32) kmsg.DescribeLogDirsResponseDirTopic {
	out := kmsg.DescribeLogDirsResponseDirTopic{Topic: t.Name}
	for i := range t.Partitions {
		index := t.Partitions[i].Index
		if _, ok := slices.BinarySearch(wanted, index); wanted != nil && !ok {
			continue
		}
		p, err := s.partitions.FindByID(t.ID, index)
		if err != nil {
			continue
		}
		out.Partitions = append(out.Partitions, kmsg.DescribeLogDirsResponseDirTopicPartition{Partition: index, Size: p.Bytes()})
	}
	return out
}
