package replication

import (
	"errors"
	"sync"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

const (
	// unfoldedFree is what a compressed batch may hold to be unfolded at once.
	unfoldedFree = 4 << 20
	// recordsMax is what it may hold at all where its records must be looked
	// at; one that holds more is refused.
	recordsMax = 64 << 20
)

// unfolder walks over the records of batches. Ten kilobytes of zstd may hold
// hundreds of megabytes, and any number of connections may send them at the
// same time, so those that hold much are unfolded one after the other.
type unfolder struct {
	large sync.Mutex
}

// records calls do for each record.
func (u *unfolder) records(b []byte, h *batch.Header, do func(batch.Record) error) error {
	err := batch.Records(b, h, unfoldedFree, do)
	if !errors.Is(err, batch.ErrTooLarge) {
		return err //nolint:wrapcheck // The caller gives it Kafka's code.
	}
	// All was unfolded, or nothing was walked over: do has not been called.
	u.large.Lock()
	defer u.large.Unlock()
	return batch.Records(b, h, recordsMax, do) //nolint:wrapcheck // As above.
}
