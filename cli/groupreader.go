package cli

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/words"
)

// readGroup prints what a group gives this member, and commits that: only what is
// printed, so that what was not comes again, to this member or another one.
func (f *consume) readGroup(cmd *cobra.Command, other *client, topics []string, r *reading, out *recordWriter) (err error) {
	begin := kgo.NewOffset().AtStart()
	if r.from.kind == atEnd {
		begin = kgo.NewOffset().AtEnd()
	}
	defer f.shell.BrokenPipes()() // else the group would wait for a member that is gone
	alive, abandon := context.WithCancel(context.WithoutCancel(cmd.Context()))
	defer abandon()
	// The cluster has just been seen to be there, by other. This client joins at once, and
	// whatever ends it has to leave the group, or it would wait for the others to join.
	c, err := f.newClient(append(r.options(), kgo.WithContext(alive), kgo.ConsumerGroup(r.group), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(begin), kgo.AutoCommitMarks(), kgo.BlockRebalanceOnPoll(),
		// Those that also Java and librdkafka have by default, so that their members may be in it.
		kgo.Balancers(kgo.RangeBalancer(), kgo.RoundRobinBalancer()))...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.leaveGroup(cmd, &member{c, r.group, other, abandon}, out.records)) }()
	for r.count == 0 || out.records < r.count {
		most := pollRecordsMax
		if r.count > 0 {
			most = int(min(int64(most), r.count-out.records))
		}
		fetches := c.PollRecords(cmd.Context(), most)
		if cmd.Context().Err() != nil {
			return nil
		}
		var printed []*kgo.Record
		var output error
		fetches.EachRecord(func(rec *kgo.Record) {
			if output == nil {
				output = out.write(rec)
				printed = append(printed, rec)
			}
		})
		output = errors.Join(output, out.flush())
		err := groupError(c, r.group, fetches)
		if errors.Is(output, syscall.EPIPE) {
			return err // who reads has seen enough
		}
		if output == nil {
			c.MarkCommitRecords(printed...)
		}
		if err := errors.Join(err, output); err != nil {
			return err
		}
		c.AllowRebalance()
	}
	return nil
}

// leaveGroup commits what is printed and leaves, also after ctrl-C.
func (f *consume) leaveGroup(cmd *cobra.Command, m *member, records int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), f.timeout)
	defer cancel()
	err := m.CommitMarkedOffsets(ctx)
	m.leave(ctx)
	if err != nil {
		return fmt.Errorf("group %s: what was printed last is not committed, and comes again: %w", words.Quoted(m.group), m.explain(err))
	}
	if f.shell.Terminal(cmd.ErrOrStderr()) {
		return written(fmt.Fprintf(cmd.ErrOrStderr(), "mainstem: %s; group %s has committed them\n", words.Counted(records, "record", "records"), words.Quoted(m.group)))
	}
	return nil
}

// leaveSoon is how long the client has to leave a group by itself.
const leaveSoon = time.Second

// member is a client in a group.
type member struct {
	*client

	group string
	// other is no member, and abandon ends all that the member waits for.
	other   *client
	abandon context.CancelFunc
}

// leave leaves the group. The client would wait for a rebalance to end first, which may
// wait for a member that is gone, and that is longer than who pressed ctrl-C would.
func (m *member) leave(ctx context.Context) {
	m.AllowRebalance()
	soon, cancel := context.WithTimeout(ctx, leaveSoon)
	defer cancel()
	err := m.LeaveGroupContext(soon)
	id, _ := m.GroupMetadata()
	m.abandon()
	if err != nil && id != "" {
		req := kmsg.NewPtrLeaveGroupRequest()
		one := kmsg.NewLeaveGroupRequestMember()
		req.Group, req.MemberID, one.MemberID = m.group, id, id
		req.Members = append(req.Members, one)
		_, _ = req.RequestWith(ctx, m.other) // else the group misses it after a while
	}
	m.Close()
}

// groupError is what makes going on useless in a group.
func groupError(c *client, group string, fetches kgo.Fetches) error {
	var session *kgo.ErrGroupSession
	for _, e := range fetches.Errors() {
		if errors.As(e.Err, &session) {
			if errors.Is(e.Err, kerr.InconsistentGroupProtocol) {
				return fmt.Errorf("group %s is not for consumers of the classic protocol with range or roundrobin, as its members have another one (%s)",
					words.Quoted(group), kerr.InconsistentGroupProtocol.Message)
			}
			return fmt.Errorf("group %s: %w", words.Quoted(group), c.explain(session.Err))
		}
	}
	return fetchError(c, fetches)
}
