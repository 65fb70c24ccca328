package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokersMax bounds how many brokers are looked at.
const brokersMax = 64

const setAdvertised = "set advertised.listeners of that broker to an address that clients reach, and restart it"

// advertised goes to each broker, to where clients are told that it is.
func (e *exam) advertised(ctx context.Context, c *clusterView) {
	for i, b := range c.brokers {
		if i == brokersMax {
			e.notChecked(checkAdvertised, fmt.Sprintf("%d more brokers", len(c.brokers)-brokersMax))
			return
		}
		f := e.visit(ctx, c, b)
		f.Check = checkAdvertised
		e.find(f)
	}
}

// visit goes to one broker.
func (e *exam) visit(ctx context.Context, c *clusterView, b brokerAt) Finding {
	asked := hostOf(e.cfg.Address)
	who := fmt.Sprintf("node %d is at %s", b.node, b.address())
	mark, looks := hostLooks(b.host, asked)
	if b.host == "" || b.port <= 0 || b.port > 65535 {
		return Finding{Mark: Failure, Text: who + ", which is no address", Means: looks, Next: setAdvertised}
	}
	failed := func(text, means string) Finding {
		if looks != "" {
			means = looks
		}
		return Finding{Mark: Failure, Text: who + text, Means: means, Next: setAdvertised}
	}
	addrs, err := e.lookup(ctx, b.host)
	if err != nil {
		f := failed(", and "+resolveText(b.host, err), "clients can ask this broker where the others are, and cannot go there")
		f.Next = nameAdvice(b.host)
		return f
	}
	at, why := e.firstOpen(ctx, addrs, b.port)
	if at == "" {
		means, _ := portAdvice(why, strconv.Itoa(int(b.port)))
		return failed(", and cannot be reached there: "+dialText(why), means+"; clients come as far as this answer, and then try that address in vain")
	}
	p, err := e.hello(ctx, at, b.host)
	if err != nil {
		f := e.stranger(ctx, at, err)
		return failed(", and no broker that can be spoken to is there: "+f.Text, f.Means)
	}
	defer p.close()
	if f, ok := e.sameCluster(ctx, p, c, b); !ok {
		f.Text = who + f.Text
		return f
	}
	if mark != OK {
		return Finding{Mark: mark, Text: who + ", and answers there to this machine", Means: looks, Next: setAdvertised}
	}
	return e.identity(ctx, p, b, who)
}

// identity asks a broker who it is.
func (e *exam) identity(ctx context.Context, p *peer, b brokerAt, who string) Finding {
	how, other := p.isNode(ctx, b.node)
	switch {
	case other:
		return Finding{
			Mark: Failure, Text: fmt.Sprintf("%s, and another node answers there: %s", who, how),
			Means: "clients ask the wrong broker, get NOT_LEADER_OR_FOLLOWER, and ask again without an end; several brokers advertise one address, or a load balancer stands before them",
			Next:  "give each broker an advertised address of its own",
		}
	case how != "":
		return Finding{Mark: OK, Text: fmt.Sprintf("%s, and a broker of this cluster answers there (not checked whether it is that node: %s)", who, how)}
	}
	text := who + ", and answers there as that"
	if isLocal(b.host) {
		text += "; only clients on this machine find it"
	}
	return Finding{Mark: OK, Text: text}
}

// firstOpen connects to the first address that takes connections.
func (e *exam) firstOpen(ctx context.Context, addrs []netip.Addr, port int32) (at string, why error) {
	for _, ip := range addrs[:min(len(addrs), maxAddresses)] {
		at := net.JoinHostPort(ip.String(), strconv.Itoa(int(port)))
		nc, err := e.dial(ctx, at)
		if err == nil {
			_ = nc.Close()
			return at, nil
		}
		why = err
	}
	return "", why
}

// sameCluster compares what a broker says of the cluster with what the first one said.
func (e *exam) sameCluster(ctx context.Context, p *peer, c *clusterView, b brokerAt) (Finding, bool) {
	own, err := p.cluster(ctx)
	if err != nil {
		return Finding{
			Mark: Failure, Text: fmt.Sprintf(", and does not answer there: %v", err),
			Means: "clients reach it and lose the connection", Next: "look at that broker's log",
		}, false
	}
	if own.id != c.id {
		return Finding{
			Mark: Failure, Text: fmt.Sprintf(", and there is a broker of another cluster (%s, not %s)", own.id, c.id),
			Means: "clients go from one cluster into another: a forwarded port, or two clusters that advertise one address",
			Next:  setAdvertised,
		}, false
	}
	if _, ok := own.by(b.node); !ok {
		return Finding{
			Mark: Warning, Text: fmt.Sprintf(", and the broker there does not know of a node %d", b.node),
			Means: "brokers disagree about who they are: it has just started, or has lost its controller", Next: "ask again in a minute; then look at the brokers' logs",
		}, false
	}
	return Finding{}, true
}

// Kafka's way to say that a question for a node's settings came to another node.
const (
	codeInvalidRequest  = 42
	resourceBroker      = 4
	settingThatAllHave  = "node.id"
	settingThatOldOnes  = "broker.id"
	describeConfigsMost = 4
)

// isNode asks for the settings of a node, which only that node answers. It returns why
// that is not known, "" if it is that node; other if it is another one.
func (p *peer) isNode(ctx context.Context, node int32) (how string, other bool) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName = resourceBroker, strconv.Itoa(int(node))
	r.ConfigNames = []string{settingThatAllHave, settingThatOldOnes}
	req.Resources = append(req.Resources, r)
	if err := p.pick(req, describeConfigsMost); err != nil {
		return err.Error(), false
	}
	resp, err := ask[*kmsg.DescribeConfigsResponse](ctx, p, req)
	switch {
	case err != nil:
		return err.Error(), false
	case len(resp.Resources) != 1:
		return "it does not answer for its settings", false
	}
	if code := resp.Resources[0].ErrorCode; code != 0 {
		text := codeError(code).Error()
		if m := resp.Resources[0].ErrorMessage; m != nil && *m != "" {
			text = *m
		}
		return text, code == codeInvalidRequest
	}
	return "", false
}

// controller looks whether somebody leads the cluster.
func (e *exam) controller(c *clusterView) {
	b, ok := c.by(c.controller)
	switch {
	case ok:
		e.ok(checkController, fmt.Sprintf("node %d at %s takes what changes the cluster", b.node, b.address()))
	case c.controller < 0:
		e.find(Finding{
			Check: checkController, Mark: Warning, Text: "the cluster has no controller",
			Means: "topics cannot be created, deleted or given another leader until it has one", Next: "look at the logs of the controllers (or of ZooKeeper)",
		})
	default:
		e.find(Finding{
			Check: checkController, Mark: Warning, Text: fmt.Sprintf("node %d is the controller, and it is not among the brokers that clients are told", c.controller),
			Means: "admin clients cannot create topics", Next: "see that this node runs, and that it has an advertised listener of this name",
		})
	}
}
