package cluster

import (
	"errors"
	"fmt"

	"github.com/mainstem-mq/mainstem/protocol"
)

// change is one caller's wish. plan looks at the draft, which holds the changes
// that came before it in the same group, and plays its records onto it; what
// it found wrong stays with the caller.
type change struct {
	plan func(t *transaction)
	done chan error // buffered: nil once durable and visible
}

// transaction is what a plan may do: look and play.
type transaction struct {
	*draft
	body []byte // the frame's body so far, with room for the header in front
}

// play adds a record. A record that does not apply is our mistake, not the
// caller's: plans check first.
func (t *transaction) play(r record) {
	if err := t.apply(r); err != nil {
		panic("metadata plan made a record that does not apply: " + err.Error())
	}
	t.body = appendRecord(t.body, r)
}

// groupMax bounds how many changes one sync serves, and groupBytesMax how much
// it writes, so that a flood can not keep the first caller waiting.
const (
	groupMax      = 1024
	groupBytesMax = 8 << 20
)

// submit has the committer carry out a plan and waits for it.
func (j *Journal) submit(plan func(t *transaction)) error {
	c := &change{plan: plan, done: make(chan error, 1)}
	select {
	case j.requests <- c:
		return <-c.done
	case <-j.stopped:
		return storageError(ErrClosed)
	}
}

// run is the committer's goroutine: it gathers what is waiting, writes it as
// one frame, syncs, publishes the new image, and only then answers. While one
// group syncs, the next gathers at the channel.
func (j *Journal) run() {
	defer close(j.stopped)
	for {
		select {
		case c := <-j.requests:
			j.group(c)
		case <-j.stop:
			return
		}
	}
}

// group commits first and whoever else is waiting.
func (j *Journal) group(first *change) {
	before := j.Image()
	t := &transaction{draft: newDraft(before), body: make([]byte, frameHeaderSize)}
	group := []*change{first}
	if j.commit.latched == nil {
		first.plan(t)
		group = j.gather(t, group)
	}
	err := j.commit.latched
	if err == nil && len(t.body) > frameHeaderSize {
		err = j.commit.append(t.body)
	}
	if err == nil {
		j.publish(before, t.done())
	}
	for _, c := range group {
		if err != nil {
			c.done <- storageError(err)
			continue
		}
		c.done <- nil
	}
	if err == nil && j.commit.due() {
		// The changes are safe in the old journal; if this fails for want of
		// space the old journal just goes on.
		j.commit.roll(j.Image())
	}
	j.reportLatch()
}

func (j *Journal) gather(t *transaction, group []*change) []*change {
	for len(group) < groupMax && len(t.body) < groupBytesMax {
		select {
		case c := <-j.requests:
			c.plan(t)
			group = append(group, c)
		default:
			return group
		}
	}
	return group
}

// publish makes an image current and tells the subscribers, all before the
// callers are answered: who created a topic may use it everywhere at once.
func (j *Journal) publish(before, after *Image) {
	if after.Version == before.Version {
		return
	}
	j.image.Store(after)
	j.subscribers.Lock()
	defer j.subscribers.Unlock()
	for _, f := range j.subscribers.list {
		f(before, after)
	}
}

func (j *Journal) reportLatch() {
	if j.commit.latched != nil && !j.commit.reported {
		j.commit.reported = true
		if j.options.Fatal != nil {
			j.options.Fatal(j.commit.latched)
		}
	}
}

// storageError is what a client hears when the disk refused.
func storageError(err error) error {
	var known *protocol.Error
	if errors.As(err, &known) {
		return err
	}
	return fmt.Errorf("%w", protocol.Errorf(protocol.KafkaStorageError,
		"The change was not made: the metadata could not be written: %v", err))
}

// committer is the state of the commits: the open files, and whether a failed
// sync has ended it all.
type committer struct {
	files     files
	threshold int64 // journal bytes that make a snapshot due
	lastRoll  int64 // journal bytes at the last attempt that failed
	latched   error
	reported  bool
}

// append writes one frame and syncs it. A write that fails changes nothing:
// the next frame goes to the same place. A sync that fails ends the journal,
// as nobody knows what of it is on disk.
func (c *committer) append(body []byte) error {
	f := &c.files
	b := sealFrame(body, f.salt, f.frames+1, f.end)
	if _, err := f.journal.WriteAt(b, f.end); err != nil {
		// Leave no whole frame behind that a restart could take for a change
		// that was made. If even this fails, the next frame writes over it.
		if terr := f.journal.Truncate(f.end); terr != nil {
			err = errors.Join(err, terr)
		}
		return fmt.Errorf("write %s: %w", f.journalName(), err)
	}
	if err := f.journal.Datasync(); err != nil {
		return c.latch(fmt.Errorf("sync %s: %w", f.journalName(), err))
	}
	f.end += int64(len(b))
	f.frames++
	return nil
}

func (c *committer) latch(err error) error {
	c.latched = fmt.Errorf("the metadata journal stopped after a failed sync, restart the broker: %w", err)
	return c.latched
}

// due reports whether the journal has grown enough for a snapshot.
func (c *committer) due() bool {
	limit := max(c.threshold, 2*c.files.snapshotBytes)
	return c.files.end-c.lastRoll > limit
}

// errUnsynced marks the failures after which the disk's state is unknown.
var errUnsynced = errors.New("sync failed")

// roll replaces the journal by a snapshot and a new, empty journal.
func (c *committer) roll(img *Image) {
	if c.latched != nil {
		return
	}
	err := c.files.roll(img)
	switch {
	case err == nil:
		c.lastRoll = 0
	case errors.Is(err, errUnsynced):
		_ = c.latch(err)
	default:
		c.lastRoll = c.files.end
	}
}
