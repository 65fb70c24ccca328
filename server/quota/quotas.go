package quota

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
)

const (
	// accountsMax is how many accounts are kept apart. Beyond, who has none shares
	// one with all others under the same default: a client that invents names gets
	// neither memory nor, by that many, a larger share.
	accountsMax = 10_000
	// restMax is how long an account is kept that nobody uses. A full one can go
	// at any time, and nothing but the log line of its next pause tells.
	restMax = time.Hour
	// sweepPeriod is how often room is looked for when there is none.
	sweepPeriod = time.Second
)

// Quotas is the accounts of all clients. It is safe for concurrent use.
type Quotas struct {
	limits atomic.Pointer[Limits] // nil: none are set

	mu       sync.Mutex
	accounts map[accountKey]*bucket
	swept    time.Time
}

// New makes quotas that limit nothing.
func New() *Quotas { return &Quotas{accounts: make(map[accountKey]*bucket)} }

// Set makes other limits hold from now on, and ends the pauses of the old ones.
func (q *Quotas) Set(l *Limits) {
	if l.empty() {
		l = nil
	}
	if before := q.limits.Swap(l); before != nil {
		close(before.over)
	}
	if l == nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		clear(q.accounts)
	}
}

// Verdict is what a client is told.
type Verdict struct {
	Pause time.Duration // 0: it may go on
	First bool          // that this client has to pause, in a while
	Limit float64       // a second; 0: there is none
	Of    model.QuotaEntity
	// Over ends the pause early: the limits have changed.
	Over <-chan struct{}
}

// Charge takes n from a client's account, which may owe it afterwards.
func (q *Quotas) Charge(k Kind, who Client, n float64, now time.Time) Verdict {
	v, _ := q.ask(k, who, now, func(b *bucket) bool {
		b.take(k, n, now)
		return true
	})
	return v
}

// Admit is Charge for what can be refused: a client that owes gets nothing, and
// one that does not gets all, and has not to pause for it.
func (q *Quotas) Admit(k Kind, who Client, n float64, now time.Time) (Verdict, bool) {
	return q.ask(k, who, now, func(b *bucket) bool {
		if b.tokens < 0 {
			return true
		}
		b.take(k, n, now)
		return false
	})
}

// Look says how things are for a client, and takes nothing.
func (q *Quotas) Look(k Kind, who Client, now time.Time) Verdict {
	v, _ := q.ask(k, who, now, func(*bucket) bool { return true })
	return v
}

// Burst is the most that a client may take at once without a pause; false if
// nothing limits it.
func (q *Quotas) Burst(k Kind, who Client) (float64, bool) {
	l := q.limits.Load()
	if l == nil || len(l.by[k]) == 0 {
		return 0, false
	}
	limit, _, ok := l.find(k, who)
	return limit * k.traits().burst, ok
}

// Limits reports whether anything of the kind is limited for anybody.
func (q *Quotas) Limits(k Kind) bool {
	l := q.limits.Load()
	return l != nil && len(l.by[k]) > 0
}

// ask finds a client's account and lets use change it, which says whether the
// client has to pause if it owes then. It returns true if it has not.
func (q *Quotas) ask(k Kind, who Client, now time.Time, use func(*bucket) bool) (Verdict, bool) {
	l := q.limits.Load()
	if l == nil || len(l.by[k]) == 0 {
		return Verdict{}, true
	}
	limit, of, ok := l.find(k, who)
	if !ok {
		return Verdict{}, true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.account(k, limit, of, who, now)
	b.turn(k, limit, now)
	v := Verdict{Limit: limit, Of: of, Over: l.over}
	if use(b) {
		v.Pause = b.pause(k)
	}
	if v.Pause > 0 {
		v.First, b.told = !b.told, true
	}
	return v, v.Pause == 0
}

// account is the client's bucket. The names in the quotas themselves always have
// their own; of those that a default stands for there may be any number.
func (q *Quotas) account(k Kind, limit float64, of model.QuotaEntity, who Client, now time.Time) *bucket {
	key := keyOf(k, of, who)
	if b := q.accounts[key]; b != nil {
		return b
	}
	if len(q.accounts) >= accountsMax && now.Sub(q.swept) >= sweepPeriod {
		q.sweep(now)
	}
	if len(q.accounts) >= accountsMax && (of.User.Default || of.ClientID.Default) {
		key = crowdOf(k, of)
		if b := q.accounts[key]; b != nil {
			return b
		}
	}
	b := newBucket(k, limit, now)
	q.accounts[key] = b
	return b
}

// Sweep forgets the accounts of clients that have gone.
func (q *Quotas) Sweep(now time.Time) {
	if q.limits.Load() == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sweep(now)
}

func (q *Quotas) sweep(now time.Time) {
	q.swept = now
	rest := restMax
	if len(q.accounts) > accountsMax/2 {
		rest = 0
	}
	for key, b := range q.accounts {
		if now.Sub(b.used) >= rest && b.full(key.kind, now) {
			delete(q.accounts, key)
		}
	}
}

// Accounts is how many clients have one.
func (q *Quotas) Accounts() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.accounts)
}
