package log

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// crashHistory is H, and how much of it was promised. It outlives crashes.
type crashHistory struct {
	mu struct {
		sync.Mutex
		ops  []*crashOp
		must int        // H[:must] was promised: it may not be lost any more
		live crashState // of all of H
		bad  []string   // broken promises that a callback noticed
	}
}

func newCrashHistory() *crashHistory {
	h := &crashHistory{}
	h.mu.live = crashState{}
	return h
}

// wrote adds an op and returns its end in H.
func (h *crashHistory) wrote(o *crashOp) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.ops = append(h.mu.ops, o)
	if err := h.mu.live.apply(o); err != nil {
		h.mu.bad = append(h.mu.bad, err.Error())
	}
	return len(h.mu.ops)
}

// promise says that H[:n] may not be lost.
func (h *crashHistory) promise(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.must = max(h.mu.must, n)
}

func (h *crashHistory) complain(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.bad = append(h.mu.bad, fmt.Sprintf(format, args...))
}

// complaints are the broken promises so far.
func (h *crashHistory) complaints() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.mu.bad, "\n")
}

func (h *crashHistory) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.mu.ops)
}

// window returns a partition's borders as written.
func (h *crashHistory) window(id model.PartitionID) (start, end model.Offset) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.mu.live.partition(id)
	return p.start, p.end
}

// consumed is below which a consumer misses nothing by what is gone.
func (h *crashHistory) consumed(id model.PartitionID) model.Offset {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.mu.live.partition(id)
	return max(p.start, p.cleanedTo)
}

// alive returns a partition's batches as written. What they hold never changes.
func (h *crashHistory) alive(id model.PartitionID) []crashBatch {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]crashBatch(nil), h.mu.live.partition(id).alive()...)
}

// crashSettle is what a recovery found.
type crashSettle struct {
	found   map[model.PartitionID]*crashFound
	ignore  model.PartitionID // is not looked at; 0: all are
	state   bool              // the damage is in a partition-state entry
	cached  int               // H[:cached] must be there too
	rebuilt bool              // the indexes are new
	// hitSpared is an answer: no offset that was given in the ignored partition
	// will be given again, and no deleted record is back.
	hitSpared bool
}

func (s *crashSettle) spared(state crashState) bool {
	got := s.found[s.ignore]
	if got == nil {
		return true
	}
	p := state.partition(s.ignore)
	return got.end >= p.end && (got.start >= p.start || s.state)
}

// settle finds the n for which the recovered partitions are those of H[:n],
// cuts H there, and returns how many ops were lost.
func (h *crashHistory) settle(s *crashSettle) (lost int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	must := max(h.mu.must, s.cached)
	state, best := crashState{}, -1
	report, closest := "", len(s.found)+1
	for n := 0; n <= len(h.mu.ops); n++ {
		if n > 0 {
			if err := state.apply(h.mu.ops[n-1]); err != nil {
				return 0, err
			}
		}
		if why, wrong := s.compare(state); wrong == 0 {
			if spared := n >= must && s.spared(state); spared || !s.hitSpared {
				best, s.hitSpared = n, spared
			}
		} else if n >= must && wrong <= closest {
			closest, report = wrong, fmt.Sprintf("closest is H[:%d] of %v:\n%s", n, h.mu.ops, why)
		}
	}
	if best < must {
		if best >= 0 {
			return 0, fmt.Errorf("promised H[:%d] (H[:%d] is cached), recovered H[:%d]: lost %v and more",
				h.mu.must, s.cached, best, h.mu.ops[best])
		}
		return 0, fmt.Errorf("recovered what H[:n] is for no n from %d to %d; %s", must, len(h.mu.ops), report)
	}
	lost = len(h.mu.ops) - best
	h.mu.ops = h.mu.ops[:best]
	if s.rebuilt {
		for id, f := range s.found {
			h.mu.ops = append(h.mu.ops, &crashOp{partition: id, forgotten: f})
		}
	}
	h.mu.must = len(h.mu.ops) // it is served from here on
	h.mu.live, err = replayCrashOps(h.mu.ops)
	return lost, err
}

// compare counts the partitions that differ.
func (s *crashSettle) compare(state crashState) (why string, wrong int) {
	var b strings.Builder
	for id, f := range s.found {
		if id == s.ignore {
			continue
		}
		if what := state.partition(id).differs(f, s.rebuilt); what != "" {
			wrong++
			fmt.Fprintf(&b, "  partition %d: %s\n", id, what)
		}
	}
	return b.String(), wrong
}

// forget takes promises back: of ops that begin at or behind a Position.
func (h *crashHistory) forget(at Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n := len(h.mu.ops); n > 0; n-- {
		for _, b := range h.mu.ops[n-1].batches {
			if b.place.Length > 0 && b.place.Position < uint64(at) {
				h.mu.must = min(h.mu.must, n)
				return
			}
		}
	}
	h.mu.must = 0
}

// readCrashBatches reads [from, to) in pieces and splits it into batches.
func readCrashBatches(p *PartitionLog, from, to model.Offset) (list []crashBatch, err error) {
	for from < to {
		var out span.List
		n, _, err := p.Read(ReadRequest{From: from, Limit: to, MaxBytes: 3000, MinOne: true}, &out)
		if err == nil && n == 0 && p.gapEnd(from, to) == to {
			return list, nil // compaction left nothing more
		}
		if err == nil && n == 0 {
			err = fmt.Errorf("nothing at offset %d", from)
		}
		if err != nil {
			out.Release()
			return list, err
		}
		var b bytes.Buffer
		_, err = out.WriteTo(&b)
		out.Release()
		if err != nil {
			return list, err
		}
		for x, err := range batch.Split(b.Bytes()) {
			if err != nil {
				return list, err
			}
			if gap := p.gapEnd(from, x.BaseOffset); gap < x.BaseOffset || x.LastOffset() < from {
				return list, fmt.Errorf("offset %d was asked for, the batch is [%d, %d]", from, x.BaseOffset, x.LastOffset())
			}
			place, err := crashPlace(p, x.BaseOffset)
			if err != nil {
				return list, err
			}
			list = append(list, crashBatch{header: x.Header, bytes: x.Bytes, place: place})
			from = x.LastOffset() + 1
		}
	}
	return list, nil
}

// crashPlace is the index entry of the batch that holds an offset.
func crashPlace(p *PartitionLog, offset model.Offset) (index.Entry, error) {
	it, err := p.iterate(offset)
	if err != nil {
		return index.Entry{}, err
	}
	defer it.close()
	e, _, ok, err := it.next()
	if err == nil && !ok {
		err = fmt.Errorf("no index entry for offset %d", offset)
	}
	return e, err
}

// crashAppend is an append under way, and its Completion.
type crashAppend struct {
	unit    Append
	op      *crashOp
	history *crashHistory
	failed  func(err error) // hears of a failure, from a goroutine of the log
	at      int             // end of op in H; 0: not written. Only the log's goroutines touch it
	done    chan struct{}   // closed at the end
}

// Written implements Completion.
func (a *crashAppend) Written(u *Append) {
	if a.at != 0 {
		a.history.complain("%v written twice", a.op)
	}
	for i := range a.op.batches {
		b := &a.op.batches[i]
		place, err := crashPlace(u.Partition, b.header.BaseOffset)
		if errors.Is(err, vfs.ErrDead) {
			continue // the disk died, and the entry is in an index file already
		}
		if err != nil || place.BaseOffset != b.header.BaseOffset {
			a.history.complain("%v is written, the index does not find it: %+v, %v", a.op, place, err)
		}
		b.place = place
	}
	a.at = a.history.wrote(a.op)
}

// Durable implements Completion.
func (a *crashAppend) Durable(u *Append) {
	if a.at == 0 {
		a.history.complain("%v durable before it was written", a.op)
	}
	a.history.promise(a.at)
	if u.Kind == KindBatches && u.Partition.DurableEnd() <= u.LastOffset() {
		a.history.complain("%v is durable, the durable end is %d", a.op, u.Partition.DurableEnd())
	}
	a.finish()
}

// Failed implements Completion.
func (a *crashAppend) Failed(_ *Append, err error) {
	a.failed(err)
	a.finish()
}

func (a *crashAppend) finish() {
	select {
	case <-a.done:
		a.history.complain("%v ended twice", a.op)
	default:
		close(a.done)
	}
}
