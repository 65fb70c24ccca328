package telemetry

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// TestPlans: a client is asked for what the subscriptions that it matches ask for
// together, as often as the most frequent one says.
func TestPlans(t *testing.T) {
	t.Parallel()
	java := matching(t, cluster.ClientSoftwareName, "apache-kafka-.*")
	subscriptions := []cluster.ClientMetrics{
		{Name: "a", Metrics: []string{"b.", "a."}, Interval: time.Minute},
		{Name: "b", Metrics: []string{"b.", "c."}, Interval: 20 * time.Second, Match: java},
		{Name: "c", Metrics: []string{"*"}, Interval: time.Hour, Match: matching(t, cluster.ClientSourceAddress, `10\.0\..*`)},
		{Name: "d", Interval: time.Second, Match: matching(t, cluster.ClientSourcePort, "77")},
		{Name: "e", Metrics: []string{"e"}, Interval: time.Second, Match: matching(t, cluster.ClientInstanceID, ID{1}.String())},
		{Name: "f", Metrics: []string{"f"}, Interval: time.Second, Match: matching(t, cluster.ClientID, "orders")},
		{Name: "g", Metrics: []string{"g"}, Interval: time.Second, Match: matching(t, cluster.ClientSoftwareVersion, "4")},
	}
	numbers := map[int32]string{}
	for name, tc := range map[string]struct {
		who      Client
		id       ID
		metrics  []string
		interval time.Duration
	}{
		"nobody":         {Client{}, ID{}, []string{"a.", "b."}, time.Minute},
		"java":           {Client{SoftwareName: "apache-kafka-java"}, ID{}, []string{"a.", "b.", "c."}, 20 * time.Second},
		"no java":        {Client{SoftwareName: "not-apache-kafka-java"}, ID{}, []string{"a.", "b."}, time.Minute},
		"all":            {Client{SoftwareName: "apache-kafka-java", SourceAddress: "10.0.1.2"}, ID{}, []string{""}, 20 * time.Second},
		"no metrics":     {Client{SourcePort: "77"}, ID{}, []string{"a.", "b."}, time.Second},
		"by its id":      {Client{}, ID{1}, []string{"a.", "b.", "e"}, time.Second},
		"by its name":    {Client{ClientID: "orders"}, ID{}, []string{"a.", "b.", "f"}, time.Second},
		"by its version": {Client{SoftwareVersion: "4"}, ID{}, []string{"a.", "b.", "g"}, time.Second},
	} {
		p := planFor(subscriptions, &tc.who, tc.id)
		if !slices.Equal(p.metrics, tc.metrics) || p.interval != tc.interval {
			t.Errorf("%s: %v every %s, want %v every %s", name, p.metrics, p.interval, tc.metrics, tc.interval)
		}
		if again := planFor(subscriptions, &tc.who, tc.id); again.id != p.id {
			t.Errorf("%s: the number %d, then %d", name, p.id, again.id)
		}
		if other, had := numbers[p.id]; had && (name != "nobody" && name != "no java" || other != "nobody" && other != "no java") {
			t.Errorf("%s and %s have the number %d", name, other, p.id)
		}
		numbers[p.id] = name
	}
	if p := planFor(nil, &Client{}, ID{}); len(p.metrics) != 0 || p.interval != cluster.PushIntervalDefault {
		t.Errorf("without subscriptions: %v", p)
	}
}

// TestTurns: who may ask and push when, and what the others are told.
func TestTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty, everything())
	want := func(what string, got, want protocol.ErrorCode) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	ask := func() protocol.ErrorCode {
		_, code := w.get()
		return code
	}
	offer, code := w.get()
	want("the first", code, protocol.NoError)
	if offer.ID.reserved() || offer.Interval != 10*time.Second || offer.BytesMax != 1<<20 || len(offer.Codecs) != 4 {
		t.Errorf("offered %+v", offer)
	}
	want("asking again at once", ask(), protocol.ThrottlingQuotaExceeded)
	want("pushing at once", w.push(), protocol.NoError)
	want("pushing again", w.push(), protocol.ThrottlingQuotaExceeded)
	w.pass(9 * time.Second)
	want("pushing early", w.push(), protocol.ThrottlingQuotaExceeded)
	want("asking early", ask(), protocol.ThrottlingQuotaExceeded)
	w.pass(time.Second)
	want("pushing in time", w.push(), protocol.NoError)
	w.pass(10 * time.Second)
	want("asking in time", ask(), protocol.NoError)
	want("pushing after it", w.push(), protocol.NoError)

	w.pass(10 * time.Second)
	want("another subscription", w.sendAs(Push{ID: w.id, SubscriptionID: offer.SubscriptionID + 1}), protocol.UnknownSubscriptionID)
	want("asking after it", ask(), protocol.NoError)
	want("pushing after it", w.push(), protocol.NoError)
	w.pass(10 * time.Second)
	want("a codec that is none", w.send(Push{Codec: 5}), protocol.UnsupportedCompressionType)
	want("asking after it", ask(), protocol.NoError)
	want("too large", w.send(Push{Metrics: make([]byte, 1<<20+1)}), protocol.TelemetryTooLarge)
	want("asking after it", ask(), protocol.ThrottlingQuotaExceeded)
	w.pass(10 * time.Second)
	want("no metrics", w.send(Push{Metrics: []byte("nonsense")}), protocol.InvalidRecord)

	w.all.Subscribe([]cluster.ClientMetrics{everything(), {Name: "more", Metrics: []string{"*"}, Interval: time.Second}})
	want("an old subscription", w.sendAs(Push{ID: w.id, SubscriptionID: offer.SubscriptionID}), protocol.UnknownSubscriptionID)
	offer, code = w.get()
	want("asking after a change", code, protocol.NoError)
	if offer.Interval != time.Second {
		t.Errorf("offered %+v", offer)
	}
	want("pushing after it", w.push(), protocol.NoError)

	w.all.Forget(w.id)
	want("pushing by a new connection", w.push(), protocol.NoError)
	want("the last one, early", w.send(Push{Terminating: true}), protocol.NoError)
	w.pass(time.Minute)
	want("one after the last", w.push(), protocol.InvalidRequest)
	want("and another", w.push(), protocol.InvalidRequest)
	for _, id := range []ID{{}, {15: 1}} {
		want("nobody", w.sendAs(Push{ID: id}), protocol.InvalidRequest)
	}
}

// TestForgottenClients: no number of clients takes more than so much memory.
func TestForgottenClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty, everything())
	first := w.told().id
	for range instancesMax {
		w.id = ID{}
		w.told()
	}
	if n := len(w.all.mu.instances.byID); n != instancesMax || w.all.mu.instances.used.Len() != n {
		t.Errorf("%d clients are known, want %d", n, instancesMax)
	}
	if _, known := w.all.mu.instances.byID[first]; known {
		t.Error("the longest silent one is still known")
	}
}

// TestCodecs: each of Kafka's, and no bomb in any of them.
func TestCodecs(t *testing.T) {
	t.Parallel()
	for codec := batch.None; codec <= batch.Zstd; codec++ {
		w := newWorld(t, Config{PushBytesMax: 1 << 14, SeriesMax: 10}, everything()).told()
		for _, tc := range []struct {
			plain []byte
			want  protocol.ErrorCode
		}{
			{message(t, gauge("g", value(7))), protocol.NoError},
			{bytes.Repeat([]byte{0}, 1<<22), protocol.TelemetryTooLarge},
		} {
			compressed, err := batch.Compress(nil, codec, tc.plain)
			if err != nil {
				t.Fatal(err)
			}
			w.pass(time.Minute)
			if tc.want != protocol.NoError && codec != batch.None && len(compressed) > 1<<14 {
				compressed = bomb(t, codec)
			}
			if code := w.send(Push{Codec: codec, Metrics: compressed}); code != tc.want {
				t.Errorf("%s of %d bytes, %d compressed: %s, want %s", codec, len(tc.plain), len(compressed), code, tc.want)
			}
		}
		w.pass(time.Minute)
		if code := w.send(Push{Codec: codec, Metrics: []byte("no such thing at all")}); code != protocol.InvalidRecord {
			t.Errorf("%s of nonsense: %s", codec, code)
		}
	}
}

// bomb has more than four times a push uncompressed, and is no longer than a push.
func bomb(t *testing.T, codec batch.Codec) []byte {
	t.Helper()
	b, err := batch.Compress(nil, codec, bytes.Repeat([]byte{0}, 4*(1<<14)+1))
	if err != nil || len(b) > 1<<14 {
		t.Fatalf("%s: %d bytes, %v", codec, len(b), err)
	}
	return b
}
