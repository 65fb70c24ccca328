package cluster

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestClientMetricsConfigs: what a subscription may be, in Kafka's codes, with words
// that help.
func TestClientMetricsConfigs(t *testing.T) {
	r, res := NewResolver(nil), Resource{ResourceClientMetrics, "s"}
	for _, tc := range []struct {
		key, value string
		code       protocol.ErrorCode
		words      string
	}{
		{"metrics", "*", protocol.NoError, ""},
		{"metrics", "", protocol.NoError, ""},
		{"interval.ms", "100", protocol.NoError, ""},
		{"interval.ms", "3600000", protocol.NoError, ""},
		{"match", " client_id = a.*b , client_source_port=9[0-9]+", protocol.NoError, ""},
		{"match", "", protocol.NoError, ""},
		{"interval.ms", "99", protocol.InvalidRequest, "interval.ms=99 is not possible: it is from 100 to 3600000 (an hour)."},
		{"interval.ms", "3600001", protocol.InvalidRequest, "from 100 to 3600000"},
		{"interval.ms", "10s", protocol.InvalidConfig, "it counts milliseconds, without a suffix"},
		{"intervall.ms", "1000", protocol.InvalidRequest, `Unknown client metrics config "intervall.ms"; did you mean interval.ms?`},
		{"match", "client_id", protocol.InvalidConfig, `"client_id" must be an attribute, = and a pattern without =.`},
		{"match", "client_id=", protocol.InvalidConfig, "must be an attribute"},
		{"match", "client_id=a=b", protocol.InvalidConfig, "must be an attribute"},
		{"match", "client_ip=1.*", protocol.InvalidConfig, `a client has no attribute "client_ip"; did you mean client_id?`},
		{"match", "client_id=(", protocol.InvalidConfig, "the pattern of client_id is not possible: error parsing regexp: missing closing )"},
		{"match", "client_id=(?=a)b", protocol.InvalidConfig, "must be an attribute"}, // Java's, not RE2's, and with another =
		{"match", "client_id=(?!a)b", protocol.InvalidConfig, "the pattern of client_id is not possible"},
	} {
		changes, err := r.PlanIncremental(&Image{}, res, []Alteration{{Key: tc.key, Value: &tc.value}})
		if protocol.CodeOf(err) != tc.code || err != nil && !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s=%s: %v, want %s %q", tc.key, tc.value, err, tc.code, tc.words)
		}
		if err == nil && (len(changes) != 1 || *changes[0].Value != tc.value) {
			t.Errorf("%s=%s: %v", tc.key, tc.value, changes)
		}
	}
	if _, err := r.PlanIncremental(&Image{}, Resource{Type: ResourceClientMetrics}, nil); protocol.CodeOf(err) != protocol.InvalidRequest {
		t.Errorf("without a name: %v", err)
	}
}

// TestClientSubscriptions: what was set is what clients are asked for, also after a
// restart, and a subscription is gone with the last of its configs.
func TestClientSubscriptions(t *testing.T) {
	disk := vfs.NewMem()
	j := open(t, disk, Options{NodeID: 1})
	set := func(name string, pairs ...string) {
		t.Helper()
		var changes []ConfigChange
		for i := 0; i < len(pairs); i += 2 {
			change := ConfigChange{Key: pairs[i], Value: &pairs[i+1]}
			if pairs[i+1] == "-" {
				change.Value = nil
			}
			changes = append(changes, change)
		}
		if err := j.AlterConfigs(Resource{ResourceClientMetrics, name}, changes); err != nil {
			t.Fatal(err)
		}
	}
	set("b", "metrics", "one., two", "interval.ms", " 1000 ", "match", "client_id=x.*,client_id=y.*,client_software_name=z")
	set("a", "metrics", "*")
	set("gone", "metrics", "*")
	before := j.Image().MetricsEpoch
	set("gone", "metrics", "-")
	if after := j.Image().MetricsEpoch; after <= before {
		t.Errorf("epoch %d after %d", after, before)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, disk.Kill(), Options{NodeID: 1})
	type row struct {
		Name     string
		Metrics  []string
		Interval time.Duration
		Match    []ClientAttribute
	}
	var got []row
	for _, s := range j.Image().ClientSubscriptions() {
		got = append(got, row{s.Name, s.Metrics, s.Interval, slices.Sorted(maps.Keys(s.Match))})
		if p := s.Match[ClientID]; p != nil && (p.Matches("x1") || !p.Matches("y1")) {
			t.Error("of an attribute that is named twice the last counts")
		}
	}
	want := []row{
		{"a", []string{"*"}, 5 * time.Minute, nil},
		{"b", []string{"one.", "two"}, time.Second, []ClientAttribute{ClientID, ClientSoftwareName}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
