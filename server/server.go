package server

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
	"github.com/mainstem-mq/mainstem/server/quota"
	"github.com/mainstem-mq/mainstem/telemetry"
)

// Deps are the rooms that the server stands on.
type Deps struct {
	Clock      clock.Clock
	Log        *zap.Logger
	Metadata   cluster.Metadata
	Partitions *replication.Partitions
	// Groups is the group coordinator; the server loads its shards when the
	// offsets topic exists.
	Groups *coordinator.Groups
	// Transactions is the transaction coordinator; its shards are loaded likewise.
	Transactions *txn.Transactions
	// Markers writes the markers of transactions.
	Markers *Markers
	// ProducerIDs are those that producers get.
	ProducerIDs *ProducerIDs
	// Configs resolves and validates the settings of topics, brokers and groups.
	Configs *cluster.Resolver
	// Space is the disk that holds the data: free and total bytes.
	Space func() (free, total int64, err error)
	// Refusal is why clients' records are not taken at the moment, or nil; asked
	// with each Produce. Nil: they always are.
	Refusal func() *protocol.Error
	// Pool is the memory for requests. Nil: one of Config.RequestBudget bytes.
	Pool *span.Pool
}

// memory is the budgets that clients share.
type memory struct {
	requests *span.Pool   // the bytes of requests that go to the log
	others   *span.Pool   // the bytes of large requests without records
	decoding *span.Budget // large requests, decoded, until their answers' share is granted
	answers  *span.Budget // answers, and what they are made from; see answers.go
	parked   *span.Budget // large fetches that wait for news
	sessions *span.Budget // fetch sessions
}

// Server answers Kafka requests.
type Server struct {
	cfg        Config
	clock      clock.Clock
	log        *zap.Logger
	meta       cluster.Metadata
	partitions *replication.Partitions
	groups     *coordinator.Groups
	txns       *txn.Transactions
	markers    *Markers
	configs    *cluster.Resolver
	space      func() (free, total int64, err error)
	refusal    func() *protocol.Error

	settings  *settings
	table     *table
	metrics   *metrics
	memory    memory
	sessions  *sessionCache
	quotas    *quota.Quotas
	telemetry *telemetry.Telemetry // nil: clients push no metrics
	producers *ProducerIDs
	offsets   *internalTopic
	state     *internalTopic // of transactions
	conns     connSet
	warnings  *LogLimit
	// unreadable limits what is said of records that could not be read: its own,
	// so that no client drowns it, and slow, as each goes on asking.
	unreadable *LogLimit
	strangers  strangers
	visits     visits
	backfills  *backfills
	seed       maphash.Seed
	tasks      tasks
	looks      looks // of the HTTP API
	ids        idMatcher
	janitor    janitor
	listeners  []*listener

	lifetime context.Context // ends when Close begins
	stop     context.CancelFunc
	running  sync.WaitGroup // the accept loops
}

// New makes a server; nothing listens before Start.
func New(cfg Config, d Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, clock: d.Clock, log: d.Log, meta: d.Metadata, partitions: d.Partitions,
		groups: d.Groups, txns: d.Transactions, markers: d.Markers, producers: d.ProducerIDs, configs: d.Configs, space: d.Space, refusal: d.Refusal,
		memory: memory{
			requests: d.Pool, others: span.NewPool(cfg.AnswerBudget / 4),
			decoding: span.NewBudget(cfg.AnswerBudget / 4), answers: span.NewBudget(cfg.AnswerBudget),
			parked: span.NewBudget(cfg.AnswerBudget), sessions: span.NewBudget(cfg.AnswerBudget),
		},
	}
	if s.refusal == nil {
		s.refusal = func() *protocol.Error { return nil }
	}
	if s.memory.requests == nil {
		s.memory.requests = span.NewPool(cfg.RequestBudget)
	}
	s.lifetime, s.stop = context.WithCancel(context.Background())
	s.looks.start = s.tasks.start
	s.looks.look = func() ([]coordinator.GroupView, error) { return s.inspect(s.lifetime, nil) }
	s.settings = newSettings(d.Configs, d.Metadata.Image)
	s.offsets, s.state = s.offsetsTopic(), s.stateTopic()
	s.ids = newIDMatcher()
	s.metrics = newMetrics()
	s.quotas = followQuotas(d.Metadata)
	s.telemetry = followTelemetry(d.Metadata, s.settings)
	s.table = newTable(s.metrics, s.serves)
	s.sessions = newSessionCache(d.Partitions, d.Clock, s.memory.sessions, cfg.FetchSessionsMax, cfg.FetchSessionAgeMin)
	s.metrics.now = gauges{
		bufferBytes: s.memory.requests.InUse, answerBytes: s.memory.answers.InUse,
		throttleClients: s.quotas.Accounts, connections: s.conns.len, fetchSessions: s.sessions.len, sessionBytes: s.memory.sessions.InUse,
	}
	s.conns.init()
	s.seed, s.backfills = maphash.MakeSeed(), newBackfills(d.Log)
	s.metrics.now.backfills = s.backfills.told
	s.warnings = NewLogLimit(d.Clock, 20, time.Second)
	s.unreadable = NewLogLimit(d.Clock, 1, 10*time.Second)
	s.janitor = janitor{srv: s}
	return s, nil
}

// Start opens all listeners and accepts connections, or opens none.
func (s *Server) Start() error {
	for _, l := range s.cfg.Listeners {
		bound, err := bind(s.lifetime, s, l)
		if err != nil {
			return errors.Join(err, s.closeListeners())
		}
		s.listeners = append(s.listeners, bound)
	}
	s.serveOffsets()
	s.serveInternal(s.state)
	s.janitor.start()
	for _, l := range s.listeners {
		s.running.Go(l.run)
		s.log.Info("listening", zap.String("listener", l.name), zap.String("address", l.nl.Addr().String()),
			zap.String("advertised", fmt.Sprintf("%s:%d", l.advertised.host, l.advertised.port)))
	}
	return nil
}

// Addresses are the bound addresses of the listeners, in the configured order.
func (s *Server) Addresses() []string {
	all := make([]string, len(s.listeners))
	for i, l := range s.listeners {
		all[i] = l.nl.Addr().String()
	}
	return all
}

// Close stops accepting and reading, lets what was asked be answered for a
// while, and returns when all goroutines of the server have ended.
func (s *Server) Close() error {
	s.conns.close()
	err := s.closeListeners()
	s.janitor.stop()
	// Members that wait for a rebalance would hold their connections for minutes.
	s.txns.Close()
	s.groups.Close()
	for _, c := range s.conns.snapshot() {
		c.drain()
	}
	s.stop()
	force := s.clock.AfterFunc(s.cfg.DrainMax, func() {
		for _, c := range s.conns.snapshot() {
			c.end(errHangUp)
		}
	})
	s.running.Wait()
	force.Stop()
	s.sessions.expire(s.clock.Now().Add(2 * sessionRestMax))
	s.tasks.close()
	return err
}

func (s *Server) closeListeners() error {
	var err error
	for _, l := range s.listeners {
		err = errors.Join(err, l.nl.Close())
	}
	return err
}

// rest pauses an accept loop; false means that the server closes.
func (s *Server) rest(d time.Duration) bool {
	return clock.Wait(s.clock, d, s.lifetime.Done())
}

// limitedWarn logs what clients can cause as often as they like.
func (s *Server) limitedWarn(msg string, fields ...zap.Field) {
	s.warnWithin(s.warnings, msg, fields...)
}

// limitedNote is limitedWarn for what is as the operator wants it.
func (s *Server) limitedNote(msg string, fields ...zap.Field) {
	if ok, _ := s.warnings.Allow(); ok {
		s.log.Info(msg, fields...)
	}
}

func (s *Server) warnWithin(limit *LogLimit, msg string, fields ...zap.Field) {
	if ok, suppressed := limit.Allow(); ok {
		if suppressed > 0 {
			fields = append(fields, zap.Int("suppressed_before", suppressed))
		}
		s.log.Warn(msg, fields...)
	}
}
