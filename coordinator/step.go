package coordinator

import (
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// step is one turn of a machine: the time and the rules that go in, and the
// records, answers and events that come out. A machine never does anything
// else to the world.
type step struct {
	shard.Turn

	config *Config
	suffix func() string
	view   View                                      // one for the whole step: what it decides fits together
	index  int32                                     // of the shard
	starts func(topic string, partition int32) int64 // where partitions begin; nil: at 0
	// refuses tells how the partition of a shard judges a record of a transaction.
	refuses func(shard int32, txn *shard.Txn, ahead TxnAhead) protocol.ErrorCode

	events  []Event
	commits int // partition offsets accepted
	ignored int // partition offsets of before a rewind
	settled int // consumer groups that came to rest
}

func (s *step) record(r Record)          { s.Record(r) }
func (s *step) cut()                     { s.Cut() }
func (s *step) answer(a shard.Answer)    { s.Answer(a) }
func (s *step) event(e Event)            { s.events = append(s.events, e) }
func (s *step) wall() int64              { return s.Wall() }
func (s *step) at(t time.Time) time.Time { return s.At(t) }
func (s *step) in(ms int32) time.Time    { return s.Now.Add(time.Duration(ms) * time.Millisecond) }

// logStart is the first offset of a partition that is left, as far as is known.
func (s *step) logStart(topic string, partition int32) int64 {
	if s.starts == nil {
		return 0
	}
	return s.starts(topic, partition)
}
