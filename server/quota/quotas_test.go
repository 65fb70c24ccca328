package quota_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/server/quota"
)

type limits = map[model.QuotaEntity]map[string]float64

var begin = time.Unix(1_700_000_000, 0)

func named(user, client string) (e model.QuotaEntity) {
	side := func(name string) model.QuotaName {
		switch name {
		case "-":
			return model.QuotaName{}
		case "*":
			return model.DefaultQuota()
		}
		return model.NamedQuota(name)
	}
	return model.QuotaEntity{User: side(user), ClientID: side(client)}
}

func of(key string, limit float64, entities ...model.QuotaEntity) *quota.Limits {
	l := limits{}
	for _, e := range entities {
		l[e] = map[string]float64{key: limit}
	}
	return quota.NewLimits(l)
}

// TestClosestQuotaHolds goes through Kafka's eight levels and a ninth client that
// none is for.
func TestClosestQuotaHolds(t *testing.T) {
	order := []model.QuotaEntity{
		named("u", "c"), named("u", "*"), named("u", "-"), named("*", "c"), named("*", "*"), named("*", "-"), named("-", "c"), named("-", "*"),
	}
	who := quota.Client{User: "u", ClientID: "c"}
	for first := range order {
		q := quota.New()
		all := limits{named("other", "c"): {"producer_byte_rate": 99}, named("u", "other"): {"producer_byte_rate": 98}}
		for i, e := range order[first:] {
			all[e] = map[string]float64{"producer_byte_rate": float64(10 + first + i)}
		}
		q.Set(quota.NewLimits(all))
		if v := q.Look(quota.Produce, who, begin); v.Of != order[first] || v.Limit != float64(10+first) {
			t.Errorf("of the quotas from %s on, that of %s holds (%v)", order[first], v.Of, v.Limit)
		}
		if v := q.Look(quota.Fetch, who, begin); v.Limit != 0 {
			t.Errorf("a quota on produce limits fetches: %+v", v)
		}
	}
	q := quota.New()
	q.Set(of("producer_byte_rate", 1, named("other", "-"), named("-", "other")))
	if v := q.Charge(quota.Produce, who, 1e9, begin); v.Pause != 0 {
		t.Errorf("a client without a quota has to pause: %+v", v)
	}
}

// TestWhoSharesAnAccount: a user's quota is for all of its clients together, a
// default one for each by itself.
func TestWhoSharesAnAccount(t *testing.T) {
	for _, c := range []struct {
		of     model.QuotaEntity
		shared bool
	}{{named("u", "-"), true}, {named("*", "-"), true}, {named("u", "*"), false}, {named("*", "*"), false}, {named("-", "*"), false}} {
		q := quota.New()
		q.Set(of("producer_byte_rate", 100, c.of))
		q.Charge(quota.Produce, quota.Client{User: "u", ClientID: "a"}, 1100, begin)
		v := q.Look(quota.Produce, quota.Client{User: "u", ClientID: "b"}, begin)
		if shared := v.Pause > 0; shared != c.shared {
			t.Errorf("quota of %s: the account is shared: %v, want %v", c.of, shared, c.shared)
		}
	}
}

// TestPausesAreExact: what passes the burst is paid at the limit's pace.
func TestPausesAreExact(t *testing.T) {
	who := quota.Client{User: "u", ClientID: "c"}
	for _, c := range []struct {
		key   string
		kind  quota.Kind
		limit float64
		take  float64
		want  time.Duration
	}{
		{"producer_byte_rate", quota.Produce, 1000, 1000, 0},
		{"producer_byte_rate", quota.Produce, 1000, 3500, 2500 * time.Millisecond},
		{"consumer_byte_rate", quota.Fetch, 1000, 1001, time.Millisecond},
		{"consumer_byte_rate", quota.Fetch, 1, 1e12, time.Hour},
		{"request_percentage", quota.Request, 50, 0.5, 0},
		{"request_percentage", quota.Request, 50, 0.75, 500 * time.Millisecond},
		{"request_percentage", quota.Request, 50, 5, time.Second},
		{"controller_mutation_rate", quota.Mutation, 2, 22, 0},
		{"controller_mutation_rate", quota.Mutation, 2, 24, time.Second},
	} {
		q := quota.New()
		q.Set(of(c.key, c.limit, named("-", "c")))
		v := q.Charge(c.kind, who, c.take, begin)
		if d := v.Pause - c.want; d < 0 || d > time.Microsecond {
			t.Errorf("%s=%v, %v taken: pause %v, want %v", c.key, c.limit, c.take, v.Pause, c.want)
		}
		if v := q.Look(c.kind, who, begin.Add(v.Pause)); c.want > 0 && c.want < time.Hour && c.kind != quota.Request && v.Pause != 0 {
			t.Errorf("%s=%v: after the pause there is another of %v", c.key, c.limit, v.Pause)
		}
	}
}

func TestAdmitRefusesWhoOwes(t *testing.T) {
	q, who := quota.New(), quota.Client{ClientID: "c"}
	q.Set(of("controller_mutation_rate", 1, named("-", "*")))
	if v, ok := q.Admit(quota.Mutation, who, 13, begin); !ok || v.Pause != 0 {
		t.Errorf("the last that is let in may take more than there is: %v, pause %v", ok, v.Pause)
	}
	v, ok := q.Admit(quota.Mutation, who, 1, begin)
	if ok || v.Pause != 2*time.Second {
		t.Errorf("who owes is let in: %v, pause %v", ok, v.Pause)
	}
	if _, ok := q.Admit(quota.Mutation, who, 1, begin.Add(2*time.Second)); !ok {
		t.Error("refused after the pause: what was refused was taken all the same")
	}
}

// TestRateIsKept lets clients take what they like, and pause as they are told:
// none gets more than its limit in the long run, a burst, and one request, and one
// that always wants gets all of it. What the others do changes nothing.
func TestRateIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := float64(rapid.IntRange(1, 1_000_000).Draw(t, "limit"))
		most := rapid.Float64Range(0.001, 5).Draw(t, "most") * limit
		q, alone := quota.New(), quota.New()
		for _, each := range []*quota.Quotas{q, alone} {
			each.Set(of("producer_byte_rate", limit, named("-", "*")))
		}
		greedy, other := quota.Client{ClientID: "greedy"}, quota.Client{ClientID: "other"}
		now, taken := begin, 0.0
		for range rapid.IntRange(1, 200).Draw(t, "requests") {
			n := rapid.Float64Range(0, most).Draw(t, "n")
			taken += n
			v := q.Charge(quota.Produce, greedy, n, now)
			seconds := now.Sub(begin).Seconds()
			if bound := limit*(seconds+1) + n; taken > bound*(1+1e-9) {
				t.Fatalf("%v taken in %v s with a limit of %v", taken, seconds, limit)
			}
			m := rapid.Float64Range(0, most).Draw(t, "m")
			if a, b := q.Charge(quota.Produce, other, m, now), alone.Charge(quota.Produce, other, m, now); a.Pause != b.Pause {
				t.Fatalf("the other client has to pause for %v, and %v if it is alone", a.Pause, b.Pause)
			}
			now = now.Add(v.Pause)
		}
		if seconds := now.Sub(begin).Seconds(); taken < limit*seconds*(1-1e-6) {
			t.Fatalf("only %v taken in %v s with a limit of %v, by a client that only paused when told", taken, seconds, limit)
		}
	})
}

// TestInventedNamesCostNothing: a client with ever new ids takes bounded memory,
// and those that are named keep their own accounts.
func TestInventedNamesCostNothing(t *testing.T) {
	q := quota.New()
	q.Set(of("producer_byte_rate", 100, named("-", "*"), named("-", "mine")))
	for i := range 100_000 {
		q.Charge(quota.Produce, quota.Client{ClientID: fmt.Sprint(i, strings.Repeat("x", 1000))}, 1000, begin)
	}
	if n := q.Accounts(); n > 10_100 {
		t.Errorf("%d accounts", n)
	}
	if v := q.Charge(quota.Produce, quota.Client{ClientID: "mine"}, 50, begin); v.Pause != 0 {
		t.Errorf("a client with a quota of its own pays for others: %v", v.Pause)
	}
	if v := q.Charge(quota.Produce, quota.Client{ClientID: "late"}, 50, begin); v.Pause == 0 {
		t.Error("with all accounts taken, a new name comes with a new share")
	}
	q.Sweep(begin.Add(2 * time.Hour))
	if n := q.Accounts(); n != 0 {
		t.Errorf("%d accounts are left of clients that have gone", n)
	}
}

// TestNewLimitsEndPauses: nobody waits for what does not hold any more; what is
// owed is paid at the new pace.
func TestNewLimitsEndPauses(t *testing.T) {
	q, who := quota.New(), quota.Client{ClientID: "c"}
	q.Set(of("producer_byte_rate", 1, named("-", "c")))
	v := q.Charge(quota.Produce, who, 1001, begin)
	if v.Pause != 1000*time.Second || !v.First {
		t.Fatalf("%+v", v)
	}
	if v := q.Charge(quota.Produce, who, 0, begin); v.First {
		t.Error("told twice")
	}
	q.Set(of("producer_byte_rate", 100, named("-", "c")))
	select {
	case <-v.Over:
	default:
		t.Error("the pause goes on though the limits have changed")
	}
	if v := q.Look(quota.Produce, who, begin); v.Pause != 10*time.Second {
		t.Errorf("pause %v for what was owed", v.Pause)
	}
	q.Set(quota.NewLimits(nil))
	if q.Limits(quota.Produce) || q.Accounts() != 0 || q.Look(quota.Produce, who, begin).Pause != 0 {
		t.Error("limits that are gone still hold")
	}
}

func BenchmarkChargeWithoutLimits(b *testing.B) {
	q, who := quota.New(), quota.Client{User: "u", ClientID: "c"}
	for b.Loop() {
		q.Charge(quota.Produce, who, 1, begin)
	}
}

func BenchmarkCharge(b *testing.B) {
	q, who := quota.New(), quota.Client{User: "u", ClientID: "c"}
	q.Set(of("producer_byte_rate", 1e12, named("-", "*")))
	for b.Loop() {
		q.Charge(quota.Produce, who, 1, begin)
	}
}
