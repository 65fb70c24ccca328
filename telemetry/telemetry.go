package telemetry

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Config is what an operator decides.
type Config struct {
	// PushBytesMax bounds a push, compressed as it comes (telemetry.max.bytes).
	PushBytesMax int
	// SeriesMax bounds the series that are kept, of all clients together.
	SeriesMax int
}

// Telemetry is what clients push and are asked for. Safe for concurrent use.
type Telemetry struct {
	cfg Config
	// decoding is held by the one push that is decoded: what that takes of memory
	// is bounded, and so it is for any number of clients.
	decoding sync.Mutex

	mu struct {
		sync.Mutex
		subscriptions []cluster.ClientMetrics
		epoch         uint64
		instances     instances
		kept          kept
		pushes        map[protocol.ErrorCode]uint64 // by what they were answered
		dropped       [dropCount]uint64
	}
}

// New makes one that asks nobody for anything.
func New(cfg Config) *Telemetry {
	t := &Telemetry{cfg: cfg}
	t.mu.kept = newKept(cfg.SeriesMax)
	t.mu.pushes = map[protocol.ErrorCode]uint64{}
	return t
}

// Subscribe has clients asked for what the subscriptions say, from their next request on.
func (t *Telemetry) Subscribe(subscriptions []cluster.ClientMetrics) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.subscriptions = subscriptions
	t.mu.epoch++
}

// Offer is what a client is told that asks.
type Offer struct {
	ID             ID
	SubscriptionID int32
	Metrics        []string // prefixes of names
	Interval       time.Duration
	BytesMax       int
	Codecs         []batch.Codec // the best first
}

// Get tells a client what it is asked for. One without an id is given one.
func (t *Telemetry) Get(id ID, who *Client, now time.Time) (Offer, *protocol.Error) {
	if id == (ID{}) {
		id = newID()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	in := t.find(id, who)
	if !in.mayAsk(now) {
		return Offer{}, protocol.Errorf(protocol.ThrottlingQuotaExceeded,
			"The client %s asked for its subscriptions before, less than %s ago.", id, in.plan.interval)
	}
	in.failed = protocol.NoError
	return Offer{
		ID: id, SubscriptionID: in.plan.id, Metrics: in.plan.metrics, Interval: in.plan.interval, BytesMax: t.cfg.PushBytesMax,
		Codecs: []batch.Codec{batch.Zstd, batch.LZ4, batch.Gzip, batch.Snappy},
	}, nil
}

func newID() ID {
	var id ID
	for id.reserved() {
		_, _ = rand.Read(id[:])                         // never fails since Go 1.24
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // a random UUID
	}
	return id
}

// find is the client, with the plan that the subscriptions of now make. With others
// than before it begins anew, as in Kafka: it may ask at once.
func (t *Telemetry) find(id ID, who *Client) *instance {
	in, fresh := t.mu.instances.find(id)
	if fresh || in.epoch != t.mu.epoch {
		*in = instance{id: id, epoch: t.mu.epoch, plan: planFor(t.mu.subscriptions, who, id)}
	}
	return in
}

// Forget drops what is known of a client whose connection has ended. What it pushed
// stays until it expires.
func (t *Telemetry) Forget(id ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.instances.forget(id)
}

// Push is what a client pushes.
type Push struct {
	ID             ID
	SubscriptionID int32
	Terminating    bool
	Codec          batch.Codec
	Metrics        []byte // OTLP's MetricsData, compressed
}

// Push takes what a client pushes, or says why not. It keeps nothing of the bytes.
func (t *Telemetry) Push(p *Push, who *Client, now time.Time) *protocol.Error {
	err := t.push(p, who, now)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.mu.pushes[protocol.NoError]++
		return nil
	}
	t.mu.pushes[err.Code]++
	if e, ok := t.mu.instances.byID[p.ID]; ok {
		e.Value.(*instance).failed = err.Code //nolint:forcetypeassert // As in instances.find.
	}
	return err
}

func (t *Telemetry) push(p *Push, who *Client, now time.Time) *protocol.Error {
	if p.ID.reserved() {
		return protocol.Errorf(protocol.InvalidRequest, "%s is nobody's client instance id: ask for one by GetTelemetrySubscriptions.", p.ID)
	}
	asked, err := t.admit(p, who, now)
	if err != nil || len(p.Metrics) == 0 {
		return err
	}
	t.decoding.Lock()
	defer t.decoding.Unlock()
	data, err := decode(p.Codec, p.Metrics, payloadFactor*t.cfg.PushBytesMax)
	if err != nil {
		return err
	}
	points := pointsOf(data, &asked)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.kept.take(p.ID, who, &points, now, asked.interval)
	for why, n := range points.dropped {
		t.mu.dropped[why] += n
	}
	return nil
}

// admit checks all that can be said without a look at the metrics, in Kafka's order.
func (t *Telemetry) admit(p *Push, who *Client, now time.Time) (plan, *protocol.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	in := t.find(p.ID, who)
	ended := in.terminating
	in.terminating = ended || p.Terminating
	switch {
	case ended:
		return plan{}, protocol.Errorf(protocol.InvalidRequest, "The client %s said before that it was about to end.", p.ID)
	case !in.mayPush(now) && !p.Terminating:
		return plan{}, protocol.Errorf(protocol.ThrottlingQuotaExceeded, "The client %s pushed before, less than %s ago.", p.ID, in.plan.interval)
	case p.SubscriptionID != in.plan.id:
		return plan{}, protocol.Errorf(protocol.UnknownSubscriptionID, "The subscriptions of the client %s have changed: ask for them again.", p.ID)
	case !p.Codec.Known():
		return plan{}, protocol.Errorf(protocol.UnsupportedCompressionType, "The compression type %d does not exist.", p.Codec)
	case len(p.Metrics) > t.cfg.PushBytesMax:
		return plan{}, protocol.Errorf(protocol.TelemetryTooLarge, "The push has %d bytes; %s is %d.", len(p.Metrics), cluster.TelemetryBytesKey, t.cfg.PushBytesMax)
	}
	in.failed = protocol.NoError
	return in.plan, nil
}
