package disk

// Refused tells that the disk took no more of the log: the level is Full from
// now on, and the log gets the room of the ballast to go on in, for all that is
// not clients' produce.
func (g *Guard) Refused() {
	g.mu.Lock()
	s, _ := g.measureLocked()
	g.mu.marks.hold(s.Free, g.env.Clock.Now())
	g.makeRoomLocked(&s, g.env.Settings().Segment)
	g.lookLocked()
	g.unlockAndTell()
}

// makeRoom is called when the disk had no room for so many bytes. It reports
// whether to try again.
func (g *Guard) makeRoom(bytes int64) bool {
	g.mu.Lock()
	s, _ := g.measureLocked()
	again := g.makeRoomLocked(&s, bytes)
	g.lookLocked()
	g.unlockAndTell()
	return again
}

// makeRoomLocked releases the ballast if that helps. Another may have done so
// since the operation failed.
func (g *Guard) makeRoomLocked(s *State, bytes int64) bool {
	b := &g.mu.ballast
	if b.held == 0 || plus(s.told, b.held) < bytes {
		return s.told >= bytes
	}
	held := b.held
	if err := b.release(); err != nil {
		g.noteLocked(BallastFailed{Err: err})
		return false
	}
	g.mu.restoreAt = g.env.Clock.Now().Add(ballastRest)
	g.noteLocked(BallastReleased{Bytes: held})
	return true
}
