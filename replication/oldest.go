package replication

import (
	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/log"
)

// TrimOldest lets the oldest records of the topics that allow it go, whatever
// their retention, so that so many bytes of the log's segments can come back:
// of topics that delete, are not internal, and are not exempt. It returns how
// many partitions lost how many bytes; their log starts are on the way, as
// with Retain. failed hears of each partition that could not be looked at.
func (ps *Partitions) TrimOldest(bytes int64, failed func(*Partition, error)) (partitions int, trimmed int64) {
	var parts []*Partition
	var list []log.Candidate
	ps.env.Image().Topics(func(t *cluster.Topic) bool {
		if s := ps.env.Settings(t); t.Internal || !s.Delete || s.DiskExempt || s.ImportSource != "" {
			return true
		}
		for i := range t.Partitions {
			if !ps.env.Log.Holds(t.Partitions[i].ID) {
				continue
			}
			p, gone := ps.find(t, int32(i))
			if gone == nil && p.log.Bytes() > 0 {
				parts = append(parts, p)
				list = append(list, log.Candidate{Partition: p.log, Limit: p.highWatermark()})
			}
		}
		return true
	})
	starts := raising(failed)
	for i, trim := range ps.env.Log.OldestFirst(bytes, list) {
		p := parts[i]
		if trim.Err != nil {
			failed(p, trim.Err)
		}
		if trim.Start <= p.log.Start() {
			continue
		}
		partitions, trimmed = partitions+1, trimmed+trim.Bytes
		starts.raise(p, trim.Start)
	}
	return partitions, trimmed
}
