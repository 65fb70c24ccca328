package behaviour

import (
	"context"
	"errors"
	"os"

	"github.com/cockroachdb/datadriven"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// startOwn starts a broker for this conversation alone, which it may restart.
func (w *talk) startOwn() error {
	if w.own != nil {
		return errors.New("the conversation has a broker of its own already")
	}
	target, err := harness.ParseTarget(os.Getenv("TARGET"))
	if err != nil {
		return err
	}
	own, err := harness.Start(context.Background(), target, harness.Options{Props: harness.TestProps()})
	if err != nil {
		return err
	}
	w.own, w.addr = own, own.Addr()
	w.forgetConns()
	return nil
}

// restart kills the conversation's broker as a power switch would, starts it again and
// waits until a topic has its leaders: their epochs have risen.
func (w *talk) restart(d *datadriven.TestData) error {
	if w.own == nil {
		return errors.New("the conversation has no broker of its own: begin it with broker")
	}
	if err := w.own.Kill(); err != nil {
		return err
	}
	w.forgetConns()
	if err := w.own.Restart(); err != nil {
		return err
	}
	return w.awaitLeaders(w.conn(""), option(d, "topic"), 1)
}

func (w *talk) forgetConns() {
	for _, c := range w.conns {
		c.close()
	}
	clear(w.conns)
}
