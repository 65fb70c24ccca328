package cli

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// client is a connection to a cluster, which says in words what is wrong with it.
type client struct {
	*kgo.Client

	addresses []string
	source    string // who gave them
	timeout   time.Duration
	clock     clock.Clock
	dials     *dials
}

// connect makes a client of the cluster that the flags name, and sees that it is there.
func (f *flags) connect(ctx context.Context, opts ...kgo.Opt) (*client, error) {
	c, err := f.newClient(opts...)
	if err != nil {
		return nil, err
	}
	ping, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	if err := c.Ping(ping); err != nil {
		c.Close()
		return nil, c.unreachable(err)
	}
	return c, nil
}

// newClient makes a client of the cluster that the flags name, which may not be there.
func (f *flags) newClient(opts ...kgo.Opt) (*client, error) {
	addresses, source, err := f.seeds()
	if err != nil {
		return nil, err
	}
	c := &client{addresses: addresses, source: source, timeout: f.timeout, clock: f.shell.Clock, dials: newDials()}
	c.Client, err = kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addresses...),
		kgo.ClientID("mainstem"),
		kgo.DialTimeout(f.timeout),
		kgo.RequestTimeoutOverhead(f.timeout),
		kgo.RetryTimeout(f.timeout),
		kgo.WithHooks(c.dials),
	}, opts...)...)
	if err != nil {
		return nil, UsageError{err} // its options contradict each other
	}
	return c, nil
}

// withTopics does something with topics that are there.
func (f *flags) withTopics(ctx context.Context, names []string, do func(*client, []topic) error) error {
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	topics, err := c.topics(ctx, names)
	if err != nil {
		return err
	}
	return do(c, topics)
}

// within bounds one request.
func (c *client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*c.timeout) // the client tries again for one of them
}

// dials is how the last attempts to connect ended: the client tries again by itself,
// and does not say why it has to.
type dials struct {
	mu struct {
		sync.Mutex
		failed map[string]failedDial // by address
	}
}

type failedDial struct {
	node int32 // negative: an address that the user gave
	err  error
}

func newDials() *dials {
	d := &dials{}
	d.mu.failed = map[string]failedDial{}
	return d
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (d *dials) OnBrokerConnect(m kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	address := net.JoinHostPort(m.Host, portText(m.Port))
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		delete(d.mu.failed, address)
		return
	}
	// Who took a connection and said nothing is tried again; that there was no time left
	// for a second connection is not what is wrong.
	if old, ok := d.mu.failed[address]; ok && dialText(old.err) == "" && dialText(err) != "" && isTimeout(err) {
		return
	}
	d.mu.failed[address] = failedDial{node: m.NodeID, err: err}
}

// failed is what could not be reached when it was last tried, by address.
func (d *dials) failed() map[string]failedDial {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.mu.failed)
}

// node is a broker that could not be reached where it says that it is; "" if all could.
func (d *dials) node() (address string, f failedDial) {
	failed := d.failed()
	for _, address := range slices.Sorted(maps.Keys(failed)) {
		if f := failed[address]; f.node >= 0 {
			return address, f
		}
	}
	return "", failedDial{}
}
