package binlog

import (
	"context"
	"testing"
	"time"
)

// troubleTime is how long a pipeline may take to catch up.
const troubleTime = 4 * time.Minute

// load is transactions that are written in the background, until it is stopped.
type load struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
}

// write writes transactions to the table, as fast as the database takes them.
func write(t *testing.T, db *mariaDB, h *history) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		for ctx.Err() == nil && l.err == nil {
			_, l.err = db.query(t, "USE shop;"+h.transaction())
		}
	}()
	t.Cleanup(func() { cancel(); <-l.ended })
	return l
}

// stop ends the load with a whole transaction.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	<-l.ended
	if l.err != nil {
		t.Fatal(l.err)
	}
}
