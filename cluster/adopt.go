package cluster

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// AdoptedName is the name of the topic that Adopt makes for a partition.
func AdoptedName(id model.PartitionID) string { return fmt.Sprintf("adopted-partition-%d", id) }

// adoptedConfigs keep every record of an adopted topic until a person deletes
// it. What the topic was set to is not known, so nothing may go by a default: a
// topic that was kept for ever or compacted would lose what is older than a week.
func adoptedConfigs() map[string]string {
	return map[string]string{
		"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1", DiskExemptKey: "true",
	}
}

// Adopt makes a topic of one partition for each of these, which a log holds and
// the metadata in dir/metadata has never heard of: it is older than the log.
// What they were called is not known; their records can be read then, and none of them expires. It is
// for a stopped broker, whose lock the caller holds.
//
// Their leader epochs count from the first unclean start of the directory, so
// that they are not below those that were given.
func Adopt(fsys vfs.FS, dir string, ids []model.PartitionID) (err error) {
	in, err := Inspect(fsys, dir)
	if err != nil {
		return err
	}
	if in.Fault != nil {
		return in.Fault
	}
	node := in.Image.NodeID()
	b, _ := in.Image.Broker(node)
	j, err := Open(fsys, dir, Options{NodeID: node, Rack: b.Rack})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	ids = slices.Sorted(slices.Values(ids)) // as they were given
	var refused error
	err = j.submit(func(t *transaction) {
		for _, id := range ids {
			if t.view().Standing(id) != Unknown {
				refused = errors.Join(refused, fmt.Errorf("partition %d is known to the metadata", id))
				continue
			}
			if refused = errors.Join(refused, t.view().ValidateNewTopicName(AdoptedName(id))); refused != nil {
				return
			}
			here := []model.BrokerID{node}
			t.play(topicRecord{
				id: model.NewTopicID(), name: AdoptedName(id), configs: adoptedConfigs(),
				runs: []run{{first: id, count: 1, leader: node, replicas: here, isr: here}},
			})
		}
	})
	return errors.Join(err, refused)
}
