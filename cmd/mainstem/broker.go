package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/disk"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/replication"
	"github.com/mainstem-mq/mainstem/server"
)

// broker is all rooms of one running node, in the order they were opened.
type broker struct {
	cfg   Config
	log   *zap.Logger
	out   io.Writer // for the person who starts it
	name  string    // by which that person did
	fs    vfs.FS
	clock clock.Clock

	disk       *disk.Guard
	meta       *cluster.Journal
	metadata   atomic.Pointer[cluster.Journal] // meta, for the disk's guard, which is older
	commitLog  *log.Log
	pool       *span.Pool
	partitions *replication.Partitions
	compaction *replication.Compactor
	producers  *server.ProducerIDs
	groups     *coordinator.Groups
	markers    *server.Markers
	txns       *txn.Transactions
	server     *server.Server
	health     *server.Health

	fatal   chan error    // a room that cannot go on; the process must exit
	full    chan struct{} // room on the disk is wanted; capacity 1
	share   share
	closers []closer // what is open, to be closed in reverse
}

type closer struct {
	name  string
	close func() error
}

// runBroker builds the broker, runs it until ctx ends and stops it cleanly.
func runBroker(ctx context.Context, cfg Config, logger *zap.Logger, p process) error {
	dirs := vfs.NewKeptDirs()
	b := &broker{cfg: cfg, log: logger, out: p.stdout, name: cmp.Or(p.name, "mainstem"), fs: dirs, clock: clock.Real{}, fatal: make(chan error, 1), full: make(chan struct{}, 1)}
	b.opened("directories", dirs.Close)
	started := b.clock.Now()
	b.opened("heap limit", keepHeap(b.clock).close)
	switch err := b.open(ctx); {
	case errors.Is(err, errInterrupted):
		logger.Info("stopped before it had started")
		return b.close()
	case err != nil:
		return errors.Join(err, b.close())
	}
	b.greet(b.clock.Now().Sub(started))
	var err error
	select {
	case <-ctx.Done():
		logger.Info("stopping")
	case err = <-b.fatal:
		logger.Error("the broker cannot go on", zap.Error(err))
	}
	if err = errors.Join(err, b.close()); err == nil {
		logger.Info("stopped cleanly")
	}
	return err
}

// errInterrupted says that the broker was asked to stop while it started: that is
// no failure, and whoever supervises it must not take it for one.
var errInterrupted = errors.New("interrupted at start")

// open builds the rooms from the disk up. What was opened before a failure is
// left to close.
func (b *broker) open(ctx context.Context) error {
	switch err := b.probePorts(ctx); {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return err
	}
	for _, step := range []func() error{
		b.lockDir, b.mustHaveRoom, b.openDisk, b.openMetadata, b.openLog, b.openPartitions, b.openCompactor, b.openProducerIDs, b.openGroups, b.openTransactions,
	} {
		if err := step(); err != nil {
			begun, _ := holdsData(b.fs, b.cfg.DataDir) // if it can not be told, the error tells why
			return adviseOnDir(b.cfg.DataDir, begun, err)
		}
		if ctx.Err() != nil {
			return errInterrupted
		}
	}
	if err := b.openServer(); err != nil {
		return err
	}
	b.disk.Started()
	b.noteNames(ctx)
	return b.openHealth(ctx)
}

// opened notes what close has to close.
func (b *broker) opened(name string, f func() error) {
	b.closers = append(b.closers, closer{name, f})
}

// close stops the rooms in reverse: first no more requests, last the lock.
func (b *broker) close() error {
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		if err := b.closers[i].close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", b.closers[i].name, err))
		}
	}
	b.closers = nil
	return errors.Join(errs...)
}

// die is called by rooms that cannot go on.
func (b *broker) die(err error) {
	select {
	case b.fatal <- err:
	default:
	}
}

func (b *broker) openMetadata() error {
	if err := b.mustHaveMetadata(); err != nil {
		return err
	}
	meta, err := cluster.Open(b.fs, b.cfg.DataDir, cluster.Options{
		NodeID: b.cfg.NodeID, Rack: b.cfg.Rack, Fatal: b.die, Room: b.growthRefusal,
		PartitionsMax: func(img *cluster.Image) int64 { return b.cfg.Resolver.Int(img, cluster.BrokerPartitionsKey) },
	})
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	b.meta = meta
	b.metadata.Store(meta)
	b.opened("metadata", meta.Close)
	return nil
}

// relocateBelow is the log's word for a share in percent; none means never.
func relocateBelow(percent int64) float64 {
	if percent == 0 {
		return -1
	}
	return float64(percent) / 100
}

func (b *broker) openLog() error {
	if err := b.mustHaveLog(); err != nil {
		return err
	}
	r, img := b.cfg.Resolver, b.meta.Image()
	l, _, err := log.Open(log.Config{
		SegmentBytes:      r.Int(img, cluster.SegmentBytesKey),
		RingBytes:         r.Int(img, cluster.RingBytesKey),
		PadGroups:         r.Bool(img, cluster.PadGroupsKey),
		ProducerStatesMax: int(r.Int(img, cluster.ProducerStatesKey)),
		ScrubBytesPerSec:  r.Int(img, cluster.ScrubKey),
		RelocateBelow:     relocateBelow(r.Int(img, cluster.RelocateBelowKey)),
		RelocateRate:      r.Int(img, cluster.RelocateRateKey),
	}, log.Env{
		FS: b.fs, Dir: b.cfg.DataDir, Clock: b.clock, Fatal: b.die,
		Standing: func(id model.PartitionID) log.Standing { return log.Standing(b.meta.Standing(id)) },
		Events:   b.logEvent,
	})
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	b.commitLog = l
	b.meta.SetUncleanStarts(l.UncleanStarts())
	b.opened("log", l.Close)
	return b.passProducerIDs()
}

func (b *broker) openPartitions() error {
	b.partitions = replication.NewPartitions(replication.Env{
		Log: b.commitLog, Clock: b.clock, Node: b.cfg.NodeID, Image: b.meta.Image, Settings: b.topicSettings,
		ProducerExpirationMs: func() int64 { return b.cfg.Resolver.Int(b.meta.Image(), "producer.id.expiration.ms") },
		VerifyTransactions:   func() bool { return b.cfg.Resolver.Bool(b.meta.Image(), cluster.TxnVerifyKey) },
	})
	b.meta.Subscribe(b.partitions.Changed)
	k := startKeeper(b)
	b.opened("retention", k.close)
	return nil
}

// topicSettings are a topic's settings as of now.
func (b *broker) topicSettings(t *cluster.Topic) *cluster.TopicSettings {
	return b.cfg.Resolver.TopicSettings(b.meta.Image(), t)
}

func (b *broker) openProducerIDs() error {
	b.producers = server.NewProducerIDs(b.meta.AllocateProducerIDs, b.log)
	b.opened("producer ids", func() error {
		b.producers.Close()
		return nil
	})
	return nil
}

func (b *broker) openGroups() error {
	rules := groupRules{resolver: b.cfg.Resolver, meta: b.meta}
	groups, err := coordinator.New(rules.config, coordinator.Env{
		Clock:    b.clock,
		Journals: func(shard int32) coordinator.Journal { return server.NewOffsetsJournal(b.partitions, b.clock, shard) },
		Events:   b.groupEvent,
		View:     func() coordinator.View { return server.GroupView(b.cfg.Resolver, b.meta.Image()) },
		LogStart: func(topic string, partition int32) int64 { return server.LogStart(b.partitions, topic, partition) },
		Refuses:  server.OffsetsRefusal(b.partitions),
	})
	if err != nil {
		return fmt.Errorf("group coordinator: %w", err)
	}
	b.groups = groups
	b.opened("group coordinator", func() error {
		groups.Close()
		return nil
	})
	return nil
}
