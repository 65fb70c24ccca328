package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// coordinated is a kind of coordinator, and the topic that it keeps its state in.
type coordinated struct {
	what, topic string
	kind        int8
	vain        string
}

var coordinatorKinds = []coordinated{
	{"consumer groups", "__consumer_offsets", 0, "consumers with a group.id wait, and get nothing"},
	{"transactions", "__transaction_state", 1, "producers with a transactional.id wait, and time out"},
}

// coordinatorID is a group, and a transactional id, that nobody has.
const coordinatorID = "mainstem-doctor"

// coordinators asks who coordinates a group and a transaction. To ask makes the topic of
// the coordinator, where there is none yet: then it is not asked.
func (e *exam) coordinators(ctx context.Context, p *peer, c *clusterView) {
	for _, kind := range coordinatorKinds {
		there, err := p.hasTopic(ctx, kind.topic)
		switch {
		case err != nil:
			e.notChecked(checkCoordinator, fmt.Sprintf("of %s: %v", kind.what, err))
		case !there:
			e.notChecked(checkCoordinator, fmt.Sprintf("of %s: there have been none, and to ask would create the topic %s", kind.what, kind.topic))
		default:
			f := p.coordinator(ctx, &kind, c)
			f.Check = checkCoordinator
			e.find(f)
		}
	}
}

// hasTopic reports whether a topic is there.
func (p *peer) hasTopic(ctx context.Context, name string) (bool, error) {
	resp, err := p.topics(ctx, name)
	if err != nil {
		return false, err
	}
	if len(resp.Topics) != 1 {
		return false, errors.New("the broker does not answer for the topic " + name)
	}
	switch code := resp.Topics[0].ErrorCode; code {
	case codeUnknownTopic:
		return false, nil
	case 0, codeLeaderNotAvailable:
		return true, nil
	default:
		return false, codeError(code)
	}
}

const (
	codeUnknownTopic           = 3
	codeLeaderNotAvailable     = 5
	codeCoordinatorLoading     = 14
	codeCoordinatorUnavailable = 15
)

// findCoordinatorAlone is the newest version that asks for one.
const findCoordinatorAlone = 3

// coordinator asks who coordinates something of a kind.
func (p *peer) coordinator(ctx context.Context, kind *coordinated, c *clusterView) Finding {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKey, req.CoordinatorKeys, req.CoordinatorType = coordinatorID, []string{coordinatorID}, kind.kind
	err := p.pick(req, findCoordinatorAlone)
	if err != nil {
		err = p.pick(req, -1) // who does not serve that any more
	}
	if err == nil && kind.kind != 0 && req.Version == 0 {
		err = errNotServed
	}
	if err != nil {
		return Finding{Mark: NotChecked, Text: fmt.Sprintf("of %s: %v", kind.what, err)}
	}
	resp, err := ask[*kmsg.FindCoordinatorResponse](ctx, p, req)
	if err != nil {
		return Finding{
			Mark: Failure, Text: fmt.Sprintf("to the question who coordinates %s: %v", kind.what, err),
			Means: kind.vain, Next: "look at the broker's log at this moment",
		}
	}
	node, code := resp.NodeID, resp.ErrorCode
	if len(resp.Coordinators) == 1 {
		node, code = resp.Coordinators[0].NodeID, resp.Coordinators[0].ErrorCode
	}
	if code != 0 {
		f := Finding{Mark: Failure, Text: fmt.Sprintf("nobody coordinates %s: %v", kind.what, codeError(code)), Means: kind.vain}
		f.Next = fmt.Sprintf("see that the partitions of %s have a leader, and look at the broker's log", kind.topic)
		if code != codeCoordinatorLoading && code != codeCoordinatorUnavailable {
			f.Mark, f.Next = Warning, "see whether this client is allowed to ask"
		}
		return f
	}
	b, ok := c.by(node)
	if !ok {
		return Finding{
			Mark: Failure, Text: fmt.Sprintf("%s are coordinated by node %d, which is not among the brokers that clients are told", kind.what, node),
			Means: kind.vain, Next: "see that this node runs",
		}
	}
	return Finding{Mark: OK, Text: fmt.Sprintf("%s: node %d at %s, for one", kind.what, b.node, b.address())}
}
