package groups

import (
	"context"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Classic and Consumer are the protocols of groups.
const (
	Classic  = "classic"
	Consumer = "consumer"
)

// Client is a client library with its member program.
type Client struct {
	// Command starts a member; the arguments follow.
	Command []string
	// Env is added to the environment.
	Env []string
	// Flavours are the ways in which the client can take part in a group.
	Flavours []Flavour
	// Static says that the client has static members.
	Static bool
	// OneByOne has the first members join one after the other: the client may
	// hang if another one joins in the middle of its first join, on Apache Kafka too.
	OneByOne bool
}

// Flavour is a way to take part in a group.
type Flavour struct {
	Protocol string
	// Assignor is the client's name for it; with the consumer protocol there is none.
	Assignor string
	// Repeats says that the client may get records again when a group rebalances,
	// with Apache Kafka too: it gives partitions up without a commit.
	Repeats bool
	// Dynamic keeps static members out, for a client that is wrong about them in
	// this flavour, with Apache Kafka too.
	Dynamic bool
	// Tied says that Apache Kafka keeps a group of this flavour in the classic
	// protocol while it has members: their assignor says more than Kafka can carry over.
	Tied bool
}

// String names a flavour in the names of tests.
func (f Flavour) String() string {
	if f.Assignor == "" {
		return f.Protocol
	}
	return f.Protocol + "," + f.Assignor
}

// static tells whether a client has static members that can be relied on.
func (c *Client) static(f Flavour) bool { return c.Static && !f.Dynamic }

// onePerProtocol are the flavours for scenarios in which assignors have no say.
func (c *Client) onePerProtocol() []Flavour {
	var few []Flavour
	seen := map[string]bool{}
	for _, f := range c.Flavours {
		if !seen[f.Protocol] {
			few = append(few, f)
		}
		seen[f.Protocol] = true
	}
	return few
}

// Props are the broker's properties that the scenarios need.
func Props() map[string]string {
	return map[string]string{
		// As the members of the classic protocol ask for by themselves.
		"group.consumer.session.timeout.ms":        millis(sessionTimeout),
		"group.consumer.min.session.timeout.ms":    millis(sessionTimeout),
		"group.consumer.heartbeat.interval.ms":     millis(consumerHeartbeat),
		"group.consumer.min.heartbeat.interval.ms": millis(consumerHeartbeat),
	}
}

// serves tells whether the broker has consumer groups of a protocol.
func serves(t *testing.T, shared *testbroker.Shared, protocol string) bool {
	t.Helper()
	if protocol == Classic {
		return true
	}
	ok, err := harness.Advertises(shared.Addr(), harness.ConsumerGroupHeartbeat)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// each runs a scenario once for each flavour that the broker serves.
func each(t *testing.T, shared *testbroker.Shared, c *Client, flavours []Flavour, scenario func(t *testing.T, w *world)) {
	t.Helper()
	testbroker.Quick(t)
	for _, f := range flavours {
		t.Run(f.String(), func(t *testing.T) {
			if !serves(t, shared, f.Protocol) {
				t.Skipf("NOT TESTED: the broker does not serve the %s protocol", f.Protocol)
			}
			scenario(t, newWorld(t, shared, c, f))
		})
	}
}

// mainstemOnly skips what Apache Kafka does not have.
func mainstemOnly(t *testing.T, shared *testbroker.Shared) {
	t.Helper()
	testbroker.MainstemOnly(t, shared.Broker().Target())
}

// api is the HOST:PORT of the broker's HTTP port.
func api(shared *testbroker.Shared) string {
	return strings.TrimSuffix(strings.TrimPrefix(shared.Broker().Metrics(), "http://"), "/metrics")
}

// mainstem runs the broker's own command line tool.
func mainstem(ctx context.Context, shared *testbroker.Shared, args ...string) (harness.Output, error) {
	bin, err := harness.MainstemBinary()
	if err != nil {
		return harness.Output{}, err
	}
	return harness.Run(ctx, "", append([]string{bin}, append(args, "--http", api(shared))...)...)
}
