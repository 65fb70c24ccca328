package main

import (
	"fmt"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/log"
)

// A data directory is metadata and log together. Where one half is gone, a
// start must not quietly make a new one: it would not know the records, or not
// have them.

// mustHaveMetadata refuses a log without its metadata.
func (b *broker) mustHaveMetadata() error {
	hasLog, err := log.Exists(b.fs, b.cfg.DataDir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	hasMetadata, err := cluster.Exists(b.fs, b.cfg.DataDir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if hasLog && !hasMetadata {
		return fmt.Errorf("%s/metadata holds no snapshot, but beside it stands a log: without its metadata nobody knows whose the "+
			"records are. Put the metadata directory back from a backup; nothing was changed. Without one, docs/durability.md tells how the records can still be read", b.cfg.DataDir)
	}
	return nil
}

// mustHaveLog refuses metadata of topics without any segment.
func (b *broker) mustHaveLog() error {
	hasLog, err := log.Exists(b.fs, b.cfg.DataDir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if img := b.meta.Image(); !hasLog && img.PartitionsGiven() {
		return fmt.Errorf("the metadata knows %d topics, but %s holds no segment of the log: all records would be gone. "+
			"Put the segment files back from a copy; or, to begin anew without them, move %s/metadata away as well; nothing was changed",
			img.TopicCount(), b.cfg.DataDir, b.cfg.DataDir)
	}
	return nil
}
