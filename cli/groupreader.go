package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// readGroup prints what a group gives this member, and commits that: only what is
// printed, so that what was not comes again, to this member or another one.
func (f *consume) readGroup(cmd *cobra.Command, topics []string, r *reading, out *recordWriter) (err error) {
	begin := kgo.NewOffset().AtStart()
	if r.from.kind == atEnd {
		begin = kgo.NewOffset().AtEnd()
	}
	c, err := f.connect(cmd.Context(), append(r.options(), kgo.ConsumerGroup(r.group), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(begin), kgo.AutoCommitMarks(), kgo.BlockRebalanceOnPoll(),
		// Those that also Java and librdkafka have by default, so that their members may be in it.
		kgo.Balancers(kgo.RangeBalancer(), kgo.RoundRobinBalancer()))...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.leaveGroup(cmd, c, r.group, out.records)) }()
	for r.count == 0 || out.records < r.count {
		most := pollRecordsMax
		if r.count > 0 {
			most = int(min(int64(most), r.count-out.records))
		}
		fetches := c.PollRecords(cmd.Context(), most)
		if cmd.Context().Err() != nil {
			return nil
		}
		err := groupError(c, r.group, fetches)
		var printed []*kgo.Record
		fetches.EachRecord(func(rec *kgo.Record) {
			if err == nil {
				err = out.write(rec)
				printed = append(printed, rec)
			}
		})
		if err := errors.Join(err, out.flush()); err != nil {
			return err
		}
		c.MarkCommitRecords(printed...)
		c.AllowRebalance()
	}
	return nil
}

// leaveGroup commits what is printed and leaves, also after ctrl-C.
func (f *consume) leaveGroup(cmd *cobra.Command, c *client, group string, records int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), f.timeout)
	defer cancel()
	err := c.CommitMarkedOffsets(ctx)
	c.CloseAllowingRebalance()
	if err != nil {
		return fmt.Errorf("group %s: what was printed last is not committed, and comes again: %w", quoted(group), c.explain(err))
	}
	if f.shell.Terminal(cmd.ErrOrStderr()) {
		return written(fmt.Fprintf(cmd.ErrOrStderr(), "mainstem: %s; group %s has committed them\n", counted(records, "record", "records"), quoted(group)))
	}
	return nil
}

// groupError is what makes going on useless in a group.
func groupError(c *client, group string, fetches kgo.Fetches) error {
	var session *kgo.ErrGroupSession
	for _, e := range fetches.Errors() {
		if errors.As(e.Err, &session) {
			if errors.Is(e.Err, kerr.InconsistentGroupProtocol) {
				return fmt.Errorf("group %s is not for consumers of the classic protocol with range or roundrobin, as its members have another one (%s)",
					quoted(group), kerr.InconsistentGroupProtocol.Message)
			}
			return fmt.Errorf("group %s: %w", quoted(group), c.explain(session.Err))
		}
	}
	return fetchError(c, fetches)
}
