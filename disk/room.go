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
// since the operation failed. Once the broker has started, what the next start
// needs stays.
func (g *Guard) makeRoomLocked(s *State, bytes int64) bool {
	b := &g.mu.ballast
	keep := int64(0)
	if g.mu.started {
		keep = s.Limits.startShare()
	}
	if b.held <= keep || plus(s.told, b.held-keep) < bytes {
		return s.told >= bytes
	}
	held := b.held - keep
	if err := b.shrink(keep); err != nil {
		g.noteLocked(BallastFailed{Err: err})
		return false
	}
	g.mu.restoreAt = g.env.Clock.Now().Add(ballastRest)
	g.noteLocked(BallastReleased{Bytes: held})
	return true
}

// TakesGrowth reports whether there is room for so many more bytes that stay,
// and the disk as it is now. On a disk that does not tell there is.
func (g *Guard) TakesGrowth(bytes int64) (State, bool) {
	g.mu.Lock()
	s, _ := g.measureLocked()
	g.unlockAndTell()
	return s, s.Total == 0 || s.Free >= plus(s.Limits.Grow(s.Total), bytes)
}

// Started ends the time in which the part of the ballast that is for starts may
// be used. If it was, it is made again from what is left.
func (g *Guard) Started() {
	g.mu.Lock()
	g.mu.started = true
	g.unlockAndTell()
	g.look()
}

// restoreStartLocked makes the part of the ballast that is for the next start
// from what is left on a full disk, so that starting again and again does not
// use it up.
func (g *Guard) restoreStartLocked(s *State) {
	const block = 4096
	b := &g.mu.ballast
	want := min(s.Limits.startShare(), s.told/2) / block * block
	if !g.mu.started || b.held > 0 || want < startBytes/8 {
		return
	}
	if err := b.resize(want); err != nil {
		g.noteLocked(BallastFailed{Err: err})
	}
}
