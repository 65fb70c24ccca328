package coordinator

// timerKind says what a deadline is for.
type timerKind int8

const (
	timerSession   timerKind = iota // a member must be heard of
	timerJoin                       // a rebalance must end
	timerSync                       // members must have fetched their assignment
	timerRebalance                  // a member of a consumer group must have given up partitions
	timerAssign                     // a consumer group must have targets for its epoch
	timerDowngrade                  // a group with classic members only may go back to their protocol
	timerPatterns                   // topics are to be tried on a consumer group's patterns
	timerRewind                     // a rewind cannot be undone any more
	timerExpiry                     // offsets are to be looked through
)

// timerKey names a deadline; setting it again moves it.
type timerKey struct {
	kind          timerKind
	group, member string
}
