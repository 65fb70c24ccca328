package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// listResources is the answer to ListConfigResources as words.
func (c *client) listResources(version int16, types ...int8) string {
	c.tb.Helper()
	req := kmsg.NewPtrListConfigResourcesRequest()
	req.ResourceTypes = types
	resp := ask[*kmsg.ListConfigResourcesResponse](c, version, req)
	if resp.ErrorCode != 0 {
		return protocol.ErrorCode(resp.ErrorCode).String() + strings.Repeat(" and resources", len(resp.ConfigResources))
	}
	var words []string
	for _, r := range resp.ConfigResources {
		words = append(words, fmt.Sprintf("%d:%s", r.Type, r.Name))
	}
	return strings.Join(words, " ")
}

// TestListConfigResources: what has settings is named by its type, groups that
// do not exist too, as long as something is set for them.
func TestListConfigResources(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("b", 1)
	c.createTopic("a", 1)
	set := "60000"
	mustSet := func(group, key string, value *string) {
		if code := c.setGroup(group, key, value); code != protocol.NoError {
			t.Fatalf("%s of %s: %s", key, group, code)
		}
	}
	mustSet("no-members", "consumer.session.timeout.ms", &set)
	mustSet("another", "consumer.session.timeout.ms", &set)
	for _, name := range []string{"n", "m"} {
		if code := c.setConfig(kmsg.ConfigResourceTypeClientMetrics, name, "interval.ms", &set); code != protocol.NoError {
			t.Fatalf("interval.ms of %s: %s", name, code)
		}
	}
	for _, tc := range []struct {
		name    string
		version int16
		types   []int8
		want    string
	}{
		{"client metrics only", 0, nil, "16:m 16:n"},
		{"all", 1, nil, "32:another 32:no-members 16:m 16:n 8:1 4:1 2:a 2:b"},
		{"groups", 1, []int8{32}, "32:another 32:no-members"},
		{"one type again and again", 1, []int8{2, 4, 2, 2, 4}, "4:1 2:a 2:b"},
		{"client metrics", 1, []int8{16}, "16:m 16:n"},
		{"no such type", 1, []int8{2, 7}, "UNSUPPORTED_VERSION"},
		{"the unknown type", 1, []int8{0}, "UNSUPPORTED_VERSION"},
	} {
		if d := cmp.Diff(tc.want, c.listResources(tc.version, tc.types...)); d != "" {
			t.Errorf("%s (-want +got)\n%s", tc.name, d)
		}
	}
	mustSet("another", "consumer.session.timeout.ms", nil)
	if d := cmp.Diff("32:no-members", c.listResources(1, 32)); d != "" {
		t.Errorf("after its only setting was taken back\n%s", d)
	}
}
