package binlog

import (
	"sync"
	"testing"
	"time"
)

// troubleTime is how long a pipeline may take to catch up.
const troubleTime = 4 * time.Minute

// load is transactions that are written in the background.
type load struct {
	wg  sync.WaitGroup
	err error
}

// write writes transactions to the table, as fast as the database takes them.
func write(t *testing.T, db *mariaDB, h *history, transactions int) *load {
	t.Helper()
	l := &load{}
	l.wg.Go(func() {
		for range transactions {
			if _, l.err = db.query(t, "USE shop;"+h.transaction()); l.err != nil {
				return
			}
		}
	})
	t.Cleanup(l.wg.Wait)
	return l
}

// wait waits for the end of the load.
func (l *load) wait(t *testing.T) {
	t.Helper()
	l.wg.Wait()
	if l.err != nil {
		t.Fatal(l.err)
	}
}
