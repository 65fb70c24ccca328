package replication

import (
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// ImportRequest asks a partition of a topic under import to append batches that
// have their offsets already: those of the source.
type ImportRequest struct {
	// Batches is one or more record batches, each beginning where the one before
	// ends, the first at the partition's end. Leader epochs are rewritten in place, and
	// largest timestamps where they are false.
	Batches []byte
	Buffer  *span.Buffer // owns Batches' memory; nil if the garbage collector does
	// Source is what the importer reads from; it must be what the topic is imported from.
	Source string
}

// Import is Append for an importer. What it may have been given before it is told to be
// there already by OFFSET_OUT_OF_RANGE, so it can send again what it does not know to be
// written: at an offset there is only what the source has there.
func (p *Partition) Import(r ImportRequest, done func(AppendResult)) {
	s := p.env.Settings(p.Topic())
	headers, err := checkImport(&r, s)
	if err != nil {
		done(failure(err))
		return
	}
	a := &pendingAppend{part: p}
	a.header[0] = headers[0] // of no producer, as all of them
	a.wait.done = done
	a.wait.result = AppendResult{LogAppendTime: -1}
	a.unit = log.Append{
		Partition: p.log, Kind: log.KindBatches, Epoch: p.epoch,
		Payload: r.Batches, Headers: headers, Buffer: r.Buffer, Done: a,
	}
	if err := p.enqueueImport(a, s); err != nil {
		done(failure(err))
	}
}

// checkImport refuses what may not enter the log. All records are looked at: nobody
// waits for an import as producers do for their acknowledgement.
func checkImport(r *ImportRequest, s *cluster.TopicSettings) (headers []batch.Header, refused *protocol.Error) {
	switch s.ImportSource {
	case "":
		return nil, protocol.Errorf(protocol.PolicyViolation, "the topic is not being imported: it has no %s", cluster.ImportSourceKey)
	case r.Source:
	default:
		return nil, protocol.Errorf(protocol.PolicyViolation, "the topic is being imported from %s, not from %s", s.ImportSource, r.Source)
	}
	for b, err := range batch.Split(r.Batches) {
		if err == nil && len(headers) > 0 {
			err = follows(&headers[len(headers)-1], &b.Header)
		}
		if err == nil {
			err = checkImported(b.Bytes, &b.Header)
		}
		if err != nil {
			return nil, corrupt(err)
		}
		headers = append(headers, b.Header)
	}
	if len(headers) == 0 {
		return nil, protocol.Errorf(protocol.InvalidRecord, "the request has no record batch")
	}
	if n := headers[len(headers)-1].LastOffset() - headers[0].BaseOffset; n > math.MaxInt32 {
		return nil, protocol.Errorf(protocol.InvalidRecord, "the batches of a request take at most %d offsets, these %d", int64(math.MaxInt32)+1, int64(n)+1)
	}
	return headers, nil
}

func follows(before, b *batch.Header) error {
	if want := before.LastOffset() + 1; b.BaseOffset != want {
		return fmt.Errorf("%w: the base offset is %d behind a batch that ends below %d", batch.ErrInvalid, b.BaseOffset, want)
	}
	return nil
}

// checkImported checks one batch, and puts its largest timestamp right.
func checkImported(b []byte, h *batch.Header) error {
	if err := batch.ValidateImported(b, h); err != nil {
		return err //nolint:wrapcheck // The caller gives it Kafka's code.
	}
	latest := int64(math.MinInt64)
	err := batch.Heads(b, h, recordsMax, func(r batch.Record) error {
		latest = max(latest, h.FirstTimestamp+r.TimestampDelta)
		return nil
	})
	if err != nil {
		return err //nolint:wrapcheck // As above.
	}
	if h.MaxTimestamp != latest && !h.LogAppendTime() {
		h.MaxTimestamp, h.CRC = latest, batch.SetMaxTimestamp(b, latest)
	}
	return nil
}

// enqueueImport queues the append if the partition ends where it begins.
func (p *Partition) enqueueImport(a *pendingAppend, s *cluster.TopicSettings) *protocol.Error {
	u := &a.unit
	now := p.env.Clock.Now().UnixMilli()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refusalLocked(); err != nil {
		return err
	}
	if first := u.Headers[0].BaseOffset; first != p.mu.next {
		return protocol.Errorf(protocol.OffsetOutOfRange, "the batches begin at offset %d, and the partition ends at %d", first, p.mu.next)
	}
	p.placeImportLocked(a, s, now)
	p.env.Log.Enqueue(u)
	return nil
}

// placeImportLocked is placeLocked for batches that have their offsets.
func (p *Partition) placeImportLocked(a *pendingAppend, s *cluster.TopicSettings, nowMs int64) {
	u := &a.unit
	records, at := int64(0), 0
	for i := range u.Headers {
		h := &u.Headers[i]
		h.LeaderEpoch = p.epoch
		batch.SetLeaderEpoch(u.Payload[at:], p.epoch)
		at += h.Size
		records += int64(h.Records)
	}
	u.BaseOffset, u.Generation = p.mu.next, p.mu.gen
	p.goOnLocked(a, records, s, nowMs)
}
