package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// commitVersion has tagged fields, as what clients of today send.
const commitVersion = 8

// commit commits offsets of the load's groups, each group always on the same
// connection, each connection with one request in flight.
func (l *load) commit(ctx context.Context) (outcome, error) {
	conns, closeAll, err := l.dialAll(ctx, max(l.Producers, 1))
	if err != nil {
		return outcome{}, err
	}
	defer closeAll()
	lines := make([]*commitLine, len(conns))
	for i, c := range conns {
		lines[i] = &commitLine{load: l, conn: c, number: i}
	}
	if err := eachLine(lines, (*commitLine).open); err != nil {
		return outcome{}, err
	}
	begin := time.Now()
	if err := eachLine(lines, (*commitLine).run); err != nil {
		return outcome{}, errors.Join(err, ctx.Err())
	}
	o := outcome{Seconds: time.Since(begin).Seconds()}
	var took []float64
	for _, ln := range lines {
		o.Requests += int64(len(ln.took))
		took = append(took, ln.took...)
	}
	o.Records = int(o.Requests) * l.Group.Each
	if len(took) > 0 {
		o.P50, o.P99 = quantile(took, 0.50), quantile(took, 0.99)
	}
	return o, eachLine(lines, (*commitLine).close)
}

// commitLine is one connection with its groups.
type commitLine struct {
	load    *load
	conn    *harness.Conn
	number  int
	members []*groupMember
	commits []*commitRequest // By group.
	took    []float64        // Milliseconds of each commit.
}

// eachLine has all do the same at the same time.
func eachLine[T any](lines []T, do func(T) error) error {
	failed := make([]error, len(lines))
	var wg sync.WaitGroup
	for i, ln := range lines {
		wg.Go(func() { failed[i] = do(ln) })
	}
	wg.Wait()
	return errors.Join(failed...)
}

// open joins the line's groups and makes their requests.
func (ln *commitLine) open() error {
	l := ln.load
	for n := ln.number; n < l.Group.Groups; n += max(l.Producers, 1) {
		m := &groupMember{conn: ln.conn, group: groupName(l.Topics[0], n), generation: -1}
		if l.Group.Members > 0 {
			if err := m.joinAlone(l.Topics[0]); err != nil {
				return err
			}
			ln.members = append(ln.members, m)
		}
		ln.commits = append(ln.commits, newCommit(m, l.Topics[0], n, l.Group.Each, l.Partitions))
	}
	return nil
}

// run commits the line's part, group after group.
func (ln *commitLine) run() error {
	l := ln.load
	conns := max(l.Producers, 1)
	all := l.Records / l.Group.Each
	share := all / conns
	if ln.number < all%conns {
		share++
	}
	if err := ln.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	resp := kmsg.NewPtrOffsetCommitResponse()
	for n := range share {
		r := ln.commits[n%len(ln.commits)]
		r.number(uint32(n), int64(l.Place+n))
		begin := time.Now()
		if _, err := ln.conn.Write(r.raw); err != nil {
			return err
		}
		*resp = kmsg.NewOffsetCommitResponse()
		resp.SetVersion(commitVersion)
		if err := ln.conn.Receive(resp); err != nil {
			return err
		}
		ln.took = append(ln.took, milliseconds(time.Since(begin)))
		if err := refusedCommit(resp, l.Group.Each); err != nil {
			return err
		}
	}
	return nil
}

// refusedCommit is the first error of an answer, which has so many partitions.
func refusedCommit(resp *kmsg.OffsetCommitResponse, want int) error {
	got := 0
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("commit of partition %d of %s: %w", p.Partition, t.Topic, err)
			}
			got++
		}
	}
	if got != want {
		return fmt.Errorf("a commit of %d partitions answers for %d", want, got)
	}
	return nil
}

func (ln *commitLine) close() error {
	var err error
	for _, m := range ln.members {
		err = errors.Join(err, m.leave())
	}
	return err
}

// commitRequest is an OffsetCommit that is made once; only its number and the
// offsets are written anew, so that its client costs little.
type commitRequest struct {
	raw     []byte
	offsets []int // Where in raw they are.
}

// newCommit makes one for each of so many partitions, from the one of the
// group's number on, around.
func newCommit(m *groupMember, topic string, n, each, partitions int) *commitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(commitVersion)
	req.Group, req.MemberID, req.Generation = m.group, m.id, m.generation
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = topic
	const place = 0x7A6B5C4D3E2F1000 // No text has it.
	for i := range each {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.Metadata = int32((n+i)%partitions), place+int64(i), kmsg.StringPtr("")
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	r := &commitRequest{raw: kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, req, 0)}
	at := 0
	for i := range each {
		at += bytes.Index(r.raw[at:], binary.BigEndian.AppendUint64(nil, uint64(place+int64(i))))
		r.offsets = append(r.offsets, at)
	}
	return r
}

// number gives the request its correlation id, and all partitions an offset.
func (r *commitRequest) number(correlation uint32, offset int64) {
	binary.BigEndian.PutUint32(r.raw[atCorrelation:], correlation)
	for _, at := range r.offsets {
		binary.BigEndian.PutUint64(r.raw[at:], uint64(offset))
	}
}
