package replication

import (
	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
)

// Settings are the topic configs that a partition obeys.
type Settings struct {
	FlushMessages        int64 // 1: sync flush, every append is durable before its ack
	FlushMs              int64 // async flush: longest time unsynced
	MaxMessageBytes      int
	LogAppendTime        bool
	TimestampBeforeMaxMs int64
	TimestampAfterMaxMs  int64
	Compact              bool // keyless records are refused
	Delete               bool // retention by time and size applies
	RetentionMs          int64
	RetentionBytes       int64
}

// Env is what the room needs from its surroundings.
type Env struct {
	Log   *log.Log
	Clock clock.Clock
	Node  model.BrokerID
	// Image is the current metadata.
	Image func() *cluster.Image
	// Settings of a topic; called once per append, so it must be cheap.
	Settings func(*cluster.Topic) *Settings
	// ProducerExpirationMs is how long an idle producer id is remembered.
	ProducerExpirationMs func() int64
}
