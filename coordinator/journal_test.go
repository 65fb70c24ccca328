package coordinator

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
)

var errJournal = errors.New("the journal lost it")

// memoryJournal is a Journal that a test completes, fails and blocks at will.
type memoryJournal struct {
	onAppend func([]Record)
	most     int // bytes of records that an append may have; 0: any number

	mu struct {
		sync.Mutex
		durable []Record
		pending []pendingAppend
		hold    bool // appends wait for release
		refuse  bool // appends fail at once
		broken  bool // since a loss, until loaded again
		loadErr error
		gate    chan struct{} // a load waits for it
	}
}

type pendingAppend struct {
	records []Record // none: a barrier
	done    func(error)
}

func (j *memoryJournal) Append(records []Record, done func(error)) {
	kept := make([]Record, 0, len(records))
	size := 0
	for _, r := range records {
		size += r.size()
		kept = append(kept, Record{Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Timestamp: r.Timestamp, Topic: r.Topic})
	}
	j.mu.Lock()
	if j.mu.refuse || j.most > 0 && size > j.most {
		j.mu.broken = true
	}
	fail := j.mu.broken
	if !fail {
		j.mu.pending = append(j.mu.pending, pendingAppend{kept, done})
	}
	hold := j.mu.hold
	j.mu.Unlock()
	if fail {
		done(errJournal)
		return
	}
	if j.onAppend != nil {
		j.onAppend(kept)
	}
	if !hold {
		j.release(-1)
	}
}

func (j *memoryJournal) Barrier(done func(error)) {
	j.mu.Lock()
	broken, waits := j.mu.broken, len(j.mu.pending) > 0
	if !broken && waits {
		j.mu.pending = append(j.mu.pending, pendingAppend{nil, done})
	}
	j.mu.Unlock()
	switch {
	case broken:
		done(errJournal)
	case !waits:
		done(nil)
	}
}

func (j *memoryJournal) Load(replay func(Record) error) error {
	j.mu.Lock()
	gate := j.mu.gate
	j.mu.Unlock()
	if gate != nil {
		<-gate
	}
	j.mu.Lock()
	err, durable := j.mu.loadErr, slices.Clone(j.mu.durable)
	j.mu.broken = j.mu.broken && err != nil
	j.mu.Unlock()
	if err != nil {
		return err
	}
	for _, r := range durable {
		lent := r
		lent.Key, lent.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		err := replay(lent)
		for _, b := range [][]byte{lent.Key, lent.Value} { // they are the journal's again
			for i := range b {
				b[i] = 0xee
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// release completes the first n pending appends, all for -1.
func (j *memoryJournal) release(n int) {
	for _, p := range j.take(n, false) {
		p.done(nil)
	}
}

// lose fails all that is pending.
func (j *memoryJournal) lose() {
	for _, p := range j.take(-1, true) {
		p.done(errJournal)
	}
}

func (j *memoryJournal) take(n int, lose bool) []pendingAppend {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n < 0 || n > len(j.mu.pending) {
		n = len(j.mu.pending)
	}
	taken := j.mu.pending[:n:n]
	j.mu.pending = j.mu.pending[n:]
	for _, p := range taken {
		if !lose {
			j.mu.durable = append(j.mu.durable, p.records...)
		}
	}
	j.mu.broken = j.mu.broken || lose
	return taken
}

// all is every record that was appended and not lost, in order.
func (j *memoryJournal) all() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	records := slices.Clone(j.mu.durable)
	for _, p := range j.mu.pending {
		records = append(records, p.records...)
	}
	return records
}

func (j *memoryJournal) set(change func(j *memoryJournal)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(j)
}

// loadedShard starts a coordinator that has loaded its first shard; it ends with the test.
func loadedShard(t *testing.T, config func() Config, env Env) *Groups {
	t.Helper()
	groups, err := New(config, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(groups.Close)
	if err := groups.Load(0); err != nil {
		t.Fatal(err)
	}
	return groups
}
