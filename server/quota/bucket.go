package quota

import (
	"math"
	"time"
)

// bucket is one client's account: what it may take at once. It fills by limit a
// second up to a burst, and is below zero while the client owes.
type bucket struct {
	limit  float64
	tokens float64
	at     time.Time // when tokens was right
	used   time.Time
	told   bool // of a pause
}

func newBucket(k Kind, limit float64, now time.Time) *bucket {
	return &bucket{limit: limit, tokens: limit * k.traits().burst, at: now, used: now}
}

// turn brings the account to now, and to the limit that holds now. What is owed
// stays owed when a limit changes, and is paid at the new pace.
func (b *bucket) turn(k Kind, limit float64, now time.Time) {
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.tokens += passed * b.limit
		b.at = now
	}
	if limit != b.limit {
		b.limit, b.told = limit, false
	}
	b.tokens = min(b.tokens, limit*k.traits().burst)
}

func (b *bucket) take(k Kind, n float64, now time.Time) {
	b.tokens = max(b.tokens-n, -b.limit*k.traits().debt)
	b.used = now
}

// full reports whether a new account would be no different.
func (b *bucket) full(k Kind, now time.Time) bool {
	return b.tokens+max(now.Sub(b.at).Seconds(), 0)*b.limit >= b.limit*k.traits().burst
}

// pause is how long the client has to wait until it owes nothing.
func (b *bucket) pause(k Kind) time.Duration {
	if b.tokens >= 0 {
		return 0
	}
	seconds := min(-b.tokens/b.limit, k.traits().pause)
	return time.Duration(math.Ceil(seconds * float64(time.Second)))
}
