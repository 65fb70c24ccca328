package replication

import (
	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
)

// Env is what the room needs from its surroundings.
type Env struct {
	Log   *log.Log
	Clock clock.Clock
	Node  model.BrokerID
	// Image is the current metadata.
	Image func() *cluster.Image
	// Settings of a topic; called once per append, so it must be cheap.
	Settings func(*cluster.Topic) *cluster.TopicSettings
	// ProducerExpirationMs is how long an idle producer id is remembered.
	ProducerExpirationMs func() int64
	// VerifyTransactions tells whether the coordinator has to vouch for the first
	// batch of a transaction (transaction.partition.verification.enable). Nil: it has to.
	VerifyTransactions func() bool

	open *openSet // the partitions with open transactions
}
