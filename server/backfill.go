package server

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/replication"
)

const (
	// backfillMin is how much a client reads of a topic from the disk before it
	// is told of: many read a little old data.
	backfillMin = 64 << 20
	// backfillsMax bounds those that are watched, and with it the label values
	// that clients choose themselves.
	backfillsMax = 32
	// backfillPartitions bounds the partitions of each whose lag is known.
	backfillPartitions = 4096
	// backfillLine is how often there is a line of each in the log.
	backfillLine = time.Minute
	// backfillQuiet is how long after its last read from the disk one is over.
	backfillQuiet = 30 * time.Second
	// backfillName bounds what of a client's id is kept.
	backfillName = 100
)

// backfills are the clients that read a long backlog: who, of which topic, how
// far behind, how fast and for how long yet.
type backfills struct {
	log   *zap.Logger
	count atomic.Int32
	mu    struct {
		sync.Mutex
		all map[backfillKey]*backfill
	}
}

func newBackfills(log *zap.Logger) *backfills {
	b := &backfills{log: log}
	b.mu.all = map[backfillKey]*backfill{}
	return b
}

// backfillKey is who reads what. A Fetch does not carry the consumer group, so
// it is the client's id, and the address for those who share one.
type backfillKey struct{ client, address, topic string }

// backfill is one client that reads old data of a topic.
type backfill struct {
	backfillKey
	told   bool // it is long enough to be told of
	begun  time.Time
	last   time.Time // when something was read from the disk
	line   time.Time // when the log had a line of it
	disk   int64     // bytes from the disk
	bytes  int64     // bytes in all
	lags   map[int32]backfillLag
	behind backfillLag // the sum
	pace   backfillPace
}

// backfillLag is how far behind a reader is.
type backfillLag struct {
	records int64
	bytes   int64 // by the average size of a record of the partition
}

// backfillPace is how fast one reads, smoothed over half a minute.
type backfillPace struct {
	at      time.Time
	ticks   int
	bytes   int64 // read since
	gained  int64 // records by which the lag fell since
	perSec  float64
	gainSec float64
}

// backfillRead is what a client got of one partition.
type backfillRead struct {
	partition   int32
	lag         backfillLag
	bytes, disk int64 // in all, and what of it the disk had to give
}

// note hears of what a client got. It reports whether that is watched, so that
// what comes from the page cache is to be told of too.
func (b *backfills) note(key backfillKey, r backfillRead, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.mu.all[key]
	if f == nil {
		if r.disk == 0 || !b.roomLocked() {
			return false
		}
		f = &backfill{backfillKey: key, begun: now, lags: map[int32]backfillLag{}, pace: backfillPace{at: now}}
		b.mu.all[key] = f
		b.count.Store(int32(len(b.mu.all)))
	}
	if r.disk > 0 {
		f.last = now
	}
	f.disk += r.disk
	f.bytes += r.bytes
	f.pace.bytes += r.bytes
	f.position(r.partition, r.lag)
	return true
}

// lagOf is how far behind an offset is.
func lagOf(part *replication.Partition, from model.Offset, res *replication.ReadResult) backfillLag {
	lag := backfillLag{records: int64(max(res.HighWatermark-from, 0))}
	if all := int64(res.HighWatermark - res.LogStart); all > 0 {
		lag.bytes = int64(float64(part.Bytes()) * float64(lag.records) / float64(all))
	}
	return lag
}

// position takes over how far behind the client is in a partition.
func (f *backfill) position(partition int32, lag backfillLag) {
	before, known := f.lags[partition]
	if !known && len(f.lags) >= backfillPartitions {
		return
	}
	f.lags[partition] = lag
	f.behind.records += lag.records - before.records
	f.behind.bytes += lag.bytes - before.bytes
	if known {
		f.pace.gained += before.records - lag.records
	}
}

// roomLocked makes room for one more, if there is one that is not told of.
func (b *backfills) roomLocked() bool {
	if len(b.mu.all) < backfillsMax {
		return true
	}
	var oldest *backfill
	for _, f := range b.mu.all {
		if !f.told && (oldest == nil || f.last.Before(oldest.last)) {
			oldest = f
		}
	}
	if oldest != nil {
		delete(b.mu.all, oldest.backfillKey)
	}
	return oldest != nil
}

// tick measures how fast each is, and has the log say what is worth a line. It
// is called about every second.
func (b *backfills) tick(now time.Time) {
	for _, l := range b.measure(now) {
		b.log.Info(l.text, l.fields...)
	}
}

// backfillNews is a line for the log.
type backfillNews struct {
	text   string
	fields []zap.Field
}

// measure is tick without the lines: who writes them may have to wait, and the
// lock is one that readers of old data take.
func (b *backfills) measure(now time.Time) (news []backfillNews) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, f := range b.mu.all {
		f.pace.tick(now)
		over := f.behind.records == 0 || now.Sub(f.last) >= backfillQuiet
		switch {
		case over:
			delete(b.mu.all, key)
			b.count.Store(int32(len(b.mu.all)))
			if f.told {
				fields := append(f.fields(), zap.String("took", now.Sub(f.begun).Round(time.Second).String()),
					zap.Int64("read_bytes", f.bytes), zap.Int64("from_disk_bytes", f.disk), zap.Bool("caught_up", f.caughtUp()))
				news = append(news, backfillNews{"a client has ended reading a backlog", fields})
			}
		case !f.told && f.disk >= backfillMin, f.told && now.Sub(f.line) >= backfillLine:
			f.told, f.line = true, now
			news = append(news, backfillNews{"a client reads a backlog", f.fields()})
		}
	}
	return news
}

// caughtUp reports whether what is left is no more than what comes in a moment.
func (f *backfill) caughtUp() bool { return f.behind.bytes < backfillMin }

func (f *backfill) fields() []zap.Field {
	fields := []zap.Field{
		zap.String("client_id", f.client), zap.String("address", f.address), zap.String("topic", f.topic), zap.Int("partitions", len(f.lags)),
		zap.Int64("behind_records", f.behind.records), zap.Int64("behind_bytes", f.behind.bytes), zap.Int64("bytes_per_second", int64(f.pace.perSec)),
	}
	if eta, ok := f.eta(); ok {
		fields = append(fields, zap.String("eta", eta.Round(time.Second).String()))
	}
	return fields
}

// eta is how long it will take at this pace; false if the client does not gain.
func (f *backfill) eta() (time.Duration, bool) {
	if f.pace.gainSec <= 0 {
		return 0, false
	}
	return time.Duration(min(float64(f.behind.records)/f.pace.gainSec, 1e9) * float64(time.Second)), true
}

// tick takes over what happened since the last one.
func (p *backfillPace) tick(now time.Time) {
	passed := now.Sub(p.at).Seconds()
	if passed <= 0 {
		return
	}
	// The mean of all at first, then of the last half minute or so.
	const window = 30 // seconds
	p.perSec += min(max(passed/window, 1/float64(p.ticks+1)), 1) * (float64(p.bytes)/passed - p.perSec)
	if p.ticks > 0 { // before, there was nothing to compare with
		p.gainSec += min(max(passed/window, 1/float64(p.ticks)), 1) * (float64(p.gained)/passed - p.gainSec)
	}
	p.ticks++
	p.at, p.bytes, p.gained = now, 0, 0
}

// backfillState is what metrics show of a backfill.
type backfillState struct {
	backfillKey
	behind backfillLag
	perSec float64
	eta    time.Duration // negative: unknown
}

// told are those that are worth telling of, the longest first.
func (b *backfills) told() []backfillState {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []backfillState
	for _, f := range b.mu.all {
		if !f.told {
			continue
		}
		s := backfillState{backfillKey: f.backfillKey, behind: f.behind, perSec: f.pace.perSec, eta: -1}
		if eta, ok := f.eta(); ok {
			s.eta = eta
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y backfillState) int { return cmp.Compare(y.behind.bytes, x.behind.bytes) })
	return all
}

// reader is what the log tells readers apart by: who has many connections reads
// from the disk as one.
func (c *conn) reader() *replication.Reader {
	if id := c.clientID.Load(); c.reads.of != id {
		c.reads.of = id
		c.reads.who.Key = c.srv.hash(c.address, *id)
	}
	return &c.reads.who
}

// hasRead hears what a partition gave for an answer, and how much of it the disk
// had to give.
func (c *conn) hasRead(part *replication.Partition, from model.Offset, res *replication.ReadResult, disk int64) {
	b := c.srv.backfills
	if disk == 0 && b.count.Load() == 0 {
		return
	}
	now := c.srv.clock.Now()
	if disk == 0 && !c.reads.watched(now) {
		return
	}
	id := *c.clientID.Load()
	key := backfillKey{client: id[:min(len(id), backfillName)], address: c.address, topic: part.Topic().Name}
	r := backfillRead{partition: part.Index(), lag: lagOf(part, from, res), bytes: int64(res.Bytes), disk: disk}
	if b.note(key, r, now) {
		c.reads.noted = now
	}
}

// watched reports whether some of what the connection reads was part of a
// backfill a while ago. Else it need not ask.
func (r *reads) watched(now time.Time) bool { return now.Sub(r.noted) < backfillQuiet }

// hash makes a number of who a client is.
func (s *Server) hash(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, p := range parts {
		// A Hash takes all that is written to it.
		_, _ = h.WriteString(p)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}
