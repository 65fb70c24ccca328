package server

import (
	"errors"
	"sync"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/internal/model"
)

const (
	// producerBlock is how many ids are reserved with one write of the metadata.
	producerBlock = 1000
	// producerReserve is how few are left when the next block is asked for.
	producerReserve = producerBlock / 10
)

var errNoMoreProducerIDs = errors.New("the broker stops: it gives no more producer ids")

// ProducerIDs gives out the ids of producers from blocks that the metadata
// reserves; what is left of a block at a stop is lost. The next block is asked for
// before one is used up, so that as a rule nobody waits for the disk.
type ProducerIDs struct {
	reserve func(n int) (first model.ProducerID, err error)
	log     *zap.Logger
	tasks   tasks

	mu       sync.Mutex
	now, old producerRange // ids are taken from old first
	asked    *producerBlockAsked
}

// producerRange is ids from first to before end.
type producerRange struct{ first, end model.ProducerID }

func (r *producerRange) left() int64 { return int64(r.end - r.first) }

// producerBlockAsked is a block on its way from the metadata.
type producerBlockAsked struct {
	done chan struct{}
	err  error // when done
}

// NewProducerIDs takes blocks by reserve, which returns the first id of one and may
// wait for the disk.
func NewProducerIDs(reserve func(n int) (model.ProducerID, error), log *zap.Logger) *ProducerIDs {
	return &ProducerIDs{reserve: reserve, log: log}
}

// Take gives an id if one is there; if not, others are on their way. It never
// blocks.
func (p *ProducerIDs) Take() (model.ProducerID, bool) {
	id, ok, _ := p.take()
	return id, ok
}

// next gives an id, and waits for one.
func (p *ProducerIDs) next() (model.ProducerID, error) {
	for {
		id, ok, asked := p.take()
		if ok {
			return id, nil
		}
		<-asked.done
		if asked.err != nil {
			return -1, asked.err
		}
	}
}

// await waits, if there is no id, until there are some or none can be had.
func (p *ProducerIDs) await() {
	p.mu.Lock()
	var asked *producerBlockAsked
	if p.old.left()+p.now.left() == 0 {
		asked = p.askLocked()
	}
	p.mu.Unlock()
	if asked != nil {
		<-asked.done
	}
}

// take gives an id; or the block that is on its way.
func (p *ProducerIDs) take() (model.ProducerID, bool, *producerBlockAsked) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.old.left() == 0 {
		p.old, p.now = p.now, producerRange{}
	}
	if p.old.left()+p.now.left() <= producerReserve {
		p.askLocked()
	}
	if p.old.left() == 0 {
		return -1, false, p.asked
	}
	id := p.old.first
	p.old.first++
	return id, true, nil
}

// askLocked has a block reserved, unless one is on its way.
func (p *ProducerIDs) askLocked() *producerBlockAsked {
	if p.asked != nil {
		return p.asked
	}
	asked := &producerBlockAsked{done: make(chan struct{})}
	p.asked = asked
	if !p.tasks.start(func() { p.fetch(asked) }) {
		asked.err = errNoMoreProducerIDs
		close(asked.done)
	}
	return asked
}

func (p *ProducerIDs) fetch(asked *producerBlockAsked) {
	first, err := p.reserve(producerBlock)
	if err != nil {
		p.log.Error("no producer ids", zap.Error(err))
	}
	p.mu.Lock()
	if err == nil {
		p.now = producerRange{first, first + producerBlock}
	}
	p.asked = nil
	p.mu.Unlock()
	asked.err = err
	close(asked.done)
}

// Close waits for what is under way.
func (p *ProducerIDs) Close() { p.tasks.close() }
