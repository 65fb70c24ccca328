package server

import (
	"context"
	"time"

	"github.com/mainstem-mq/mainstem/internal/pattern"
	"github.com/mainstem-mq/mainstem/protocol"
)

// matchWait is how long a pattern may be tried on transactional ids, the wait for
// others' patterns included. A thousand ids of usual length take a millisecond; one of
// 32 KiB, and a pattern made for it, take most of a second.
const matchWait = 5 * time.Second

// idMatcher tries patterns on transactional ids. It does so one pattern at a time and
// outside of the coordinator's turns, so that whoever writes a pattern that takes long
// has one processor busy at most, for a while, and keeps no transaction waiting.
type idMatcher struct{ turn chan struct{} }

func newIDMatcher() idMatcher { return idMatcher{make(chan struct{}, 1)} }

// matched are those of a list whose id a pattern stands for. The list is made when it
// is this pattern's turn, so that no more than one is in memory. It may take matchWait,
// and ends earlier with ctx or the server.
func matched[T any](
	ctx context.Context, s *Server, p *pattern.Pattern, list func() ([]T, error), id func(*T) string,
) ([]T, error) {
	late := s.clock.NewTimer(matchWait)
	defer late.Stop()
	select {
	case s.ids.turn <- struct{}{}:
		defer func() { <-s.ids.turn }()
	case <-late.C():
		return nil, protocol.Errorf(protocol.RequestTimedOut, "other patterns were tried for %s: try again in a moment", matchWait)
	case <-ctx.Done():
		return nil, errAskerGone()
	case <-s.lifetime.Done():
		return nil, errStopping()
	}
	all, err := list()
	if err != nil {
		return nil, err
	}
	n := 0
	for i := range all {
		select {
		case <-late.C():
			return nil, protocol.Errorf(protocol.RequestTimedOut,
				"after %s the pattern was tried on %d of %d ids: choose by state or producer too, or use a simpler one", matchWait, i, len(all))
		case <-ctx.Done():
			return nil, errAskerGone()
		case <-s.lifetime.Done():
			return nil, errStopping()
		default:
		}
		if p.Matches(id(&all[i])) {
			all[n] = all[i]
			n++
		}
	}
	return all[:n], nil
}
