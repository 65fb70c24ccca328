package server_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

// advertised asks the broker what it serves.
func advertised(c *client) []kmsg.ApiVersionsResponseApiKey {
	c.tb.Helper()
	return ask[*kmsg.ApiVersionsResponse](c, 3, newApiVersions()).ApiKeys
}

//nolint:revive // Kafka's spelling.
func newApiVersions() *kmsg.ApiVersionsRequest {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "tester", "1.0"
	return req
}

// TestAdvertised pins the table: a change of what clients see is a decision.
func TestAdvertised(t *testing.T) {
	c := startBroker(t, options{}).dial()
	got := map[protocol.Key][2]int16{}
	for _, k := range advertised(c) {
		got[protocol.Key(k.ApiKey)] = [2]int16{k.MinVersion, k.MaxVersion}
	}
	want := map[protocol.Key][2]int16{
		0: {0, 13}, 1: {0, 18}, 2: {0, 11}, 3: {0, 13}, 8: {0, 10}, 9: {0, 10}, 10: {0, 6}, 11: {0, 9}, 12: {0, 4},
		13: {0, 5}, 14: {0, 5}, 15: {0, 6}, 16: {0, 5}, 18: {0, 4}, 19: {0, 7}, 20: {0, 6}, 21: {0, 2}, 22: {0, 5},
		23: {0, 4}, 24: {0, 5}, 25: {0, 4}, 26: {0, 5}, 27: {1, 2}, 28: {0, 5}, 32: {0, 4}, 33: {0, 2}, 35: {0, 4}, 37: {0, 3}, 42: {0, 2}, 44: {0, 1}, 47: {0, 0}, 48: {0, 1}, 49: {0, 1}, 60: {0, 2},
		43: {0, 2}, 45: {0, 1}, 46: {0, 0}, 50: {0, 0}, 55: {0, 2}, 57: {0, 2}, 64: {0, 0},
		61: {0, 0}, 65: {0, 0}, 66: {0, 2}, 68: {0, 1}, 69: {0, 1},
		71: {0, 0}, 72: {0, 0}, 74: {0, 1}, 75: {0, 0},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestEveryVersion sends an empty request in every served version of every
// API and reads the answer as a client of that version would.
func TestEveryVersion(t *testing.T) {
	b := startBroker(t, options{})
	for _, k := range advertised(b.dial()) {
		c := b.dial()
		for v := k.MinVersion; v <= k.MaxVersion; v++ {
			req := kmsg.RequestForKey(k.ApiKey)
			req.SetVersion(v)
			switch r := req.(type) {
			case *kmsg.ProduceRequest:
				r.Acks = -1
			case *kmsg.ApiVersionsRequest:
				r.ClientSoftwareName, r.ClientSoftwareVersion = "tester", "1.0"
			}
			c.send(req)
			resp := c.receive(req, c.next)
			// What is encoded again from what was read must be what was read.
			if again := resp.AppendTo(nil); len(again) == 0 {
				t.Errorf("%T v%d is empty", resp, v)
			}
		}
	}
}

// TestNewerApiVersions checks the bytes that Kafka sends to clients from the
// future.
func TestNewerApiVersions(t *testing.T) {
	b := startBroker(t, options{})
	for _, version := range []byte{5, 99} {
		c := b.dial()
		// Key 18, the version, correlation 7, client id "x", no tags, empty name and version.
		_, err := c.conn.Write([]byte{0, 0, 0, 15, 0, 18, 0, version, 0, 0, 0, 7, 0, 1, 'x', 0, 1, 1, 0})
		must(t, err)
		body, err := c.receiveBytes()
		must(t, err)
		want := "00000007" + "0023" + "00000001" + "0012" + "0000" + "0004"
		if got := hex.EncodeToString(body); got != want {
			t.Errorf("version %d: %s, expected %s", version, got, want)
		}
		// The client asks again on the same connection.
		if len(advertised(c)) == 0 {
			t.Error("nothing is advertised")
		}
	}
}

// TestFeatures: no feature is finalized whose code is not there.
func TestFeatures(t *testing.T) {
	for protocols, level := range map[string]int16{"classic,consumer": 1, "classic": 0} {
		c := startBroker(t, options{static: map[string]string{"group.coordinator.rebalance.protocols": protocols}}).dial()
		resp := ask[*kmsg.ApiVersionsResponse](c, 4, newApiVersions())
		finalized := map[string]int16{}
		for _, f := range resp.FinalizedFeatures {
			finalized[f.Name] = f.MaxVersionLevel
		}
		want := map[string]int16{"group.version": 1, "transaction.version": 2}
		if level == 0 {
			delete(want, "group.version")
		}
		if d := cmp.Diff(want, finalized); d != "" {
			t.Errorf("%s: finalized (-want +got)\n%s", protocols, d)
		}
		supported := map[string]int16{}
		for _, f := range resp.SupportedFeatures {
			supported[f.Name] = f.MaxVersion
		}
		if d := cmp.Diff(map[string]int16{"group.version": 1, "transaction.version": 2}, supported); d != "" {
			t.Errorf("%s: supported (-want +got)\n%s", protocols, d)
		}
	}
}

// TestUnservedVersions: a client that is not served is named in the log and counted,
// and its connection ends.
func TestUnservedVersions(t *testing.T) {
	b := startBroker(t, options{clock: clock.NewManual(time.Unix(1_700_000_000, 0))})
	c := b.dial()
	// This one is how versions are found out, and not worth a warning.
	must(t, sendAs(c, protocol.ApiVersionsVersionMax+1, newApiVersions()))
	must(t, sendAs(c, 3, newApiVersions()))
	ask77 := func(c *client) {
		req := kmsg.NewPtrListGroupsRequest()
		req.SetVersion(5)
		frame := c.frame(req)
		frame[7] = 77 // the version
		_, err := c.conn.Write(frame)
		must(t, err)
		c.closed()
	}
	ask77(c)
	line := b.logs.FilterMessage("a client asked for a version that is not served").All()
	if len(line) != 1 {
		t.Fatalf("log: %v", line)
	}
	said := line[0].ContextMap()
	for key, want := range map[string]any{
		"api": "ListGroups", "version": int16(77), "served": "0-5", "software": "tester", "client_id": "test", "address": "127.0.0.1",
	} {
		if got := said[key]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the log says %s is %v, expected %v", key, got, want)
		}
	}
	if text := b.metricsText(); !bytes.Contains(text, []byte(`mainstem_unsupported_versions_total{api="ListGroups",software="tester",software_version="1.0",version="77"} 1`)) {
		t.Errorf("the metric is missing in\n%s", text)
	}
	// One that asks again and again does not keep another from being named.
	for range 30 {
		ask77(b.dial())
	}
	other := b.dial()
	other.id = "another"
	ask77(other)
	line = b.logs.FilterMessage("a client asked for a version that is not served").All()
	if n := len(line); n > 25 || line[n-1].ContextMap()["client_id"] != "another" {
		t.Errorf("%d lines, the last of %v", n, line[n-1].ContextMap()["client_id"])
	}
}

func sendAs(c *client, version int16, req kmsg.Request) error {
	req.SetVersion(version)
	c.send(req)
	_, err := c.receiveBytes()
	return err
}
