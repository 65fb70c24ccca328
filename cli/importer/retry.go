package importer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// retryEvery is how long to wait before something is tried again.
const retryEvery = 200 * time.Millisecond

// persist does something until it succeeds, as long as what is in the way may be over:
// a broker that restarts is nothing to give up for. It gives up when nothing has moved
// for the patience that the configuration has.
func (im *Importer) persist(ctx context.Context, do func(context.Context) error) error {
	moved, since := im.progress.moves(), im.cfg.Clock.Now()
	for {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			im.progress.wait(nil)
			return errors.Join(err, ctx.Err())
		}
		if !retriable(err) {
			return err
		}
		now := im.cfg.Clock.Now()
		if m := im.progress.moves(); m != moved {
			moved, since = m, now
		}
		if now.Sub(since) > im.cfg.Patience {
			return fmt.Errorf("nothing has gone forward for %s: %w", im.cfg.Patience, err)
		}
		im.progress.wait(err)
		if !clock.Wait(im.cfg.Clock, retryEvery, ctx.Done()) {
			return ctx.Err()
		}
	}
}
