package promise

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// defaultValueSize is a record's: 2 bytes of producer, 8 of number, and filling.
const defaultValueSize = 100

func (l *Ledger) encode(n number) []byte {
	v := make([]byte, l.valueSize)
	binary.BigEndian.PutUint16(v, n.producer)
	binary.BigEndian.PutUint64(v[2:], uint64(n.n))
	return v
}

func (l *Ledger) decode(v []byte) (number, error) {
	if len(v) != l.valueSize {
		return number{}, fmt.Errorf("a value of %d bytes, want %d", len(v), l.valueSize)
	}
	return number{binary.BigEndian.Uint16(v), int64(binary.BigEndian.Uint64(v[2:]))}, nil
}

// Topic and Group are what the workers use.
const (
	Topic = "promise"
	Group = "promise"
)

// CreateTopic makes the topic.
func (l *Ledger) CreateTopic(ctx context.Context, addr string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return err
	}
	defer cl.Close()
	configs := map[string]*string{}
	if l.keep >= 0 {
		configs["retention.bytes"] = kadm.StringPtr(fmt.Sprint(l.keep))
	}
	_, err = kadm.NewClient(cl).CreateTopic(ctx, int32(l.partitions), 1, configs, Topic)
	return err
}

// producer is the client of one.
func (l *Ledger) producer(addr string) (*kgo.Client, error) {
	const mostBuffered = 4 << 20
	opts := []kgo.Opt{
		kgo.SeedBrokers(addr),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(min(2000, mostBuffered/l.valueSize)),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	}
	if l.valueSize > defaultValueSize {
		opts = append(opts, kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	return kgo.NewClient(opts...)
}

// Workers are the producers and the consumer. They go on over kills: their
// clients try again until the broker is back.
type Workers struct {
	ledger    *Ledger
	producers []*kgo.Client
	consumer  *kgo.Client
	cancel    context.CancelFunc
	wg        sync.WaitGroup

	gate sync.RWMutex // Producers hold it for reading; paused while written.
	turn sync.Mutex   // The consumer holds it from poll to commit.
	held bool         // Both are held by Pause; only the main goroutine asks.

	mu struct {
		sync.Mutex
		err error
	}
}

// Start starts so many idempotent producers, which send so many records a
// second together, and a member of a group. They are paused.
func Start(ctx context.Context, addr string, l *Ledger, producers, rate int) (*Workers, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &Workers{ledger: l, cancel: cancel}
	w.gate.Lock()
	w.turn.Lock()
	w.held = true
	for id := range producers {
		cl, err := l.producer(addr)
		if err != nil {
			w.Stop()
			return nil, err
		}
		w.producers = append(w.producers, cl)
		w.wg.Go(func() { w.produce(ctx, cl, uint16(id), max(rate/producers, 1)) })
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.ConsumerGroup(Group),
		kgo.ConsumeTopics(Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.FetchMaxWait(200*time.Millisecond),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	)
	if err != nil {
		w.Stop()
		return nil, err
	}
	w.consumer = cl
	w.wg.Go(func() { w.consume(ctx) })
	return w, nil
}

func (w *Workers) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.err = errors.Join(w.mu.err, err)
}

// Err is the first violation or failure that a worker saw.
func (w *Workers) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.err
}

// produce sends at a rate, record n to partition n modulo their count.
func (w *Workers) produce(ctx context.Context, cl *kgo.Client, id uint16, rate int) {
	const every = 5 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	perTick := max(1, rate/int(time.Second/every))
	for n := int64(0); ctx.Err() == nil; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.gate.RLock()
		for range perTick {
			num := number{id, n}
			r := &kgo.Record{Topic: Topic, Partition: int32(n % int64(w.ledger.partitions)), Value: w.ledger.encode(num)}
			cl.Produce(ctx, r, func(r *kgo.Record, err error) {
				if err == nil {
					err = w.ledger.ack(r.Partition, r.Offset, num)
				}
				if err != nil && ctx.Err() == nil {
					w.fail(fmt.Errorf("producing %v: %w", num, err))
				}
			})
			n++
		}
		w.gate.RUnlock()
	}
}

// consume reads as a member of the group and commits what it has read.
func (w *Workers) consume(ctx context.Context) {
	for ctx.Err() == nil {
		if !w.consumeOnce(ctx) {
			return
		}
	}
}

func (w *Workers) consumeOnce(ctx context.Context) bool {
	w.turn.Lock()
	defer w.turn.Unlock()
	pollCtx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	fs := w.consumer.PollRecords(pollCtx, 5000)
	cancel()
	if fs.IsClientClosed() {
		return false
	}
	// Errors of a broker that is down pass; a lost offset must not.
	fs.EachError(func(t string, p int32, err error) {
		var lost *kgo.ErrDataLoss
		if errors.As(err, &lost) {
			w.fail(fmt.Errorf("consumer, partition %d: %w", p, err))
		}
	})
	next := map[int32]kgo.EpochOffset{}
	fs.EachRecord(func(r *kgo.Record) {
		n, err := w.ledger.decode(r.Value)
		if err == nil {
			err = w.ledger.saw(r.Partition, r.Offset, n)
		}
		if err != nil {
			w.fail(fmt.Errorf("consumer: %w", err))
		}
		next[r.Partition] = kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset + 1}
	})
	if len(next) == 0 {
		return true
	}
	for p, o := range next {
		w.ledger.tryCommit(p, o.Offset)
	}
	w.commit(ctx, next)
	return true
}

func (w *Workers) commit(ctx context.Context, next map[int32]kgo.EpochOffset) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	acked := map[int32]bool{}
	w.consumer.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{Topic: next},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			if err != nil {
				return // Maybe done, maybe not: the bounds stay apart.
			}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					acked[p.Partition] = p.ErrorCode == 0
				}
			}
		})
	for p, o := range next {
		if acked[p] {
			w.ledger.ackCommit(p, o.Offset)
		}
	}
}

// Pause stops the producers, waits until all they sent is acknowledged, and
// keeps the consumer from committing.
func (w *Workers) Pause(ctx context.Context) error {
	if !w.held {
		w.gate.Lock()
		w.held = true
		w.turn.Lock()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, cl := range w.producers {
		if err := cl.Flush(ctx); err != nil {
			return errors.Join(fmt.Errorf("flush: %w", err), w.Err())
		}
	}
	return w.Err()
}

// Resume lets them go on.
func (w *Workers) Resume() {
	if !w.held {
		return
	}
	w.held = false
	w.turn.Unlock()
	w.gate.Unlock()
}

// Stop ends them.
func (w *Workers) Stop() {
	w.cancel()
	w.Resume()
	for _, cl := range w.producers {
		cl.Close()
	}
	if w.consumer != nil {
		w.consumer.Close()
	}
	w.wg.Wait()
}
