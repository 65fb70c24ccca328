package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/words"
)

// clusterView is the cluster as a broker describes it.
type clusterView struct {
	id         string
	controller int32
	brokers    []brokerAt
}

// brokerAt is where a node is, by what clients are told.
type brokerAt struct {
	node int32
	host string
	port int32
}

func (b brokerAt) address() string { return net.JoinHostPort(b.host, strconv.Itoa(int(b.port))) }

// by is the broker of a node; false if it is not told.
func (c *clusterView) by(node int32) (brokerAt, bool) {
	i := slices.IndexFunc(c.brokers, func(b brokerAt) bool { return b.node == node })
	if i < 0 {
		return brokerAt{}, false
	}
	return c.brokers[i], true
}

// cluster asks for the brokers, and for no topic.
func (p *peer) cluster(ctx context.Context) (*clusterView, error) {
	resp, err := p.topics(ctx)
	if err != nil {
		return nil, err
	}
	c := &clusterView{controller: resp.ControllerID}
	if resp.ClusterID != nil {
		c.id = *resp.ClusterID
	}
	for _, b := range resp.Brokers {
		c.brokers = append(c.brokers, brokerAt{b.NodeID, b.Host, b.Port})
	}
	slices.SortFunc(c.brokers, func(a, b brokerAt) int { return int(a.node) - int(b.node) })
	return c, nil
}

var errCreates = errors.New("its Metadata is so old that a question for a topic may create it")

// topics asks for some topics, so that none is created.
func (p *peer) topics(ctx context.Context, names ...string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	if err := p.pick(req, -1); err != nil {
		return nil, err
	}
	if len(names) > 0 && req.Version < 4 {
		return nil, errCreates
	}
	return ask[*kmsg.MetadataResponse](ctx, p, req)
}

// metadata asks for the cluster; a broker that wants a login refuses that.
func (e *exam) metadata(ctx context.Context, at string, p *peer) *clusterView {
	c, err := p.cluster(ctx)
	if err == nil && len(c.brokers) == 0 {
		e.find(Finding{
			Check: checkMetadata, Mark: Failure, Text: "the broker knows of no broker, not even of itself",
			Means: "clients have nobody to go to, and ask again and again", Next: "it has just started, or has lost its controller: look at its log",
		})
		return nil
	}
	if err == nil {
		text := "the cluster has no id"
		if c.id != "" {
			text = "cluster " + c.id
		}
		e.ok(checkMetadata, text+", "+words.Counted(len(c.brokers), "broker", "brokers"))
		return c
	}
	if errors.Is(err, errClosed) {
		if f, is := e.wantsLogin(ctx, at); is {
			e.find(f)
			return nil
		}
	}
	e.find(Finding{
		Check: checkMetadata, Mark: Failure, Text: fmt.Sprintf("it says which versions it serves, but not where its brokers are: %v", err),
		Means: "no client gets further than this", Next: "look at the broker's log at this moment",
	})
	return nil
}

// Kafka's error codes for SASL.
const (
	codeUnsupportedMechanism = 33
	codeIllegalSaslState     = 34
)

// wantsLogin asks for a login by a mechanism that there is not: the answer names those
// that there are.
func (e *exam) wantsLogin(ctx context.Context, at string) (f Finding, is bool) {
	host, _, err := net.SplitHostPort(e.cfg.Address)
	if err != nil {
		return f, false
	}
	p, err := e.hello(ctx, at, host)
	if err != nil {
		return f, false
	}
	defer p.close()
	req := kmsg.NewPtrSASLHandshakeRequest()
	req.Mechanism = "NONE-OF-THESE"
	if p.pick(req, -1) != nil {
		return f, false
	}
	resp, err := ask[*kmsg.SASLHandshakeResponse](ctx, p, req)
	if err != nil || resp.ErrorCode != codeUnsupportedMechanism {
		return f, false // codeIllegalSaslState: this listener has no logins
	}
	slices.Sort(resp.SupportedMechanisms)
	protocol := "SASL_PLAINTEXT"
	if e.tls {
		protocol = "SASL_SSL"
	}
	return Finding{
		Check: checkMetadata, Mark: Failure,
		Text:  "the broker wants a login (SASL): " + strings.Join(resp.SupportedMechanisms, ", "),
		Means: "a client without one loses its connection with its first request, without a reason",
		Next: fmt.Sprintf("set security.protocol=%s, sasl.mechanism to one of these, and the user's name and password in clients; "+
			"this command has no logins and cannot look further", protocol),
	}, true
}

// latencyTries is how many requests are timed.
const latencyTries = 11

// latency times the smallest requests.
func (e *exam) latency(ctx context.Context, p *peer) {
	var took []time.Duration
	for range latencyTries {
		begun := e.cfg.Clock.Now()
		if _, err := p.cluster(ctx); err != nil {
			e.find(Finding{
				Check: checkLatency, Mark: Failure, Text: fmt.Sprintf("after %d requests: %v", len(took)+1, err),
				Means: "connections are lost in the middle of their work", Next: "look at the broker's log, and at proxies and firewalls between it and you",
			})
			return
		}
		took = append(took, e.since(begun))
	}
	slices.Sort(took)
	middle, most := took[len(took)/2], took[len(took)-1]
	f := Finding{Check: checkLatency, Mark: OK, Text: fmt.Sprintf("a small request takes %s (median of %d; the longest %s)", shortTime(middle), latencyTries, shortTime(most))}
	if middle > slowRequest {
		f.Mark, f.Means = Warning, "clients that wait for each answer write a few records a second; timeouts are near"
		f.Next = "look at the network's latency (ping), and at the broker's load"
	}
	e.find(f)
}

// slowRequest is more than any network takes on this planet.
const slowRequest = 500 * time.Millisecond
