package coordinator

import (
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// The ways in which a request reaches the shards: one of them, or one for each of
// several groups; all (Shards.Each). In each, what the caller gives runs on the
// shard, and the answer leaves when the shard's records are safe.

// question is a request to the shard of one group.
type question[R any] struct {
	group string
	// refused is what is wrong with the request by itself.
	refused protocol.ErrorCode
	reply   func(R)
	// failed makes the answer where the shard can give none.
	failed func(protocol.ErrorCode) R
}

// ask has handle make the answer.
func (q question[R]) ask(g *Groups, handle func(*machine, *step) R) {
	q.post(g, func(m *machine, s *step) { shard.Respond(&s.Turn, q.reply, handle(m, s), q.failed) })
}

// post leaves it to run to answer, now or later.
func (q question[R]) post(g *Groups, run func(*machine, *step)) {
	fail := func(code protocol.ErrorCode) { q.reply(q.failed(code)) }
	if q.refused != protocol.NoError {
		fail(q.refused)
		return
	}
	g.post(q.group, run, fail)
}

// groupID says what is wrong with a group id; older requests about offsets
// alone may come with an empty one.
func groupID(id string) protocol.ErrorCode {
	if len(id) > stringMax {
		return protocol.InvalidGroupID
	}
	return protocol.NoError
}

// namedGroupID is groupID where the id must not be empty.
func namedGroupID(id string) protocol.ErrorCode {
	if id == "" {
		return protocol.InvalidGroupID
	}
	return groupID(id)
}

// askGroups asks the shard of each group. failed hears for which there is no
// answer, reply that all have been asked.
func (g *Groups) askGroups(ids []string, run func(i int, m *machine, s *step), failed func(int, protocol.ErrorCode), reply func()) {
	all := shard.NewGather(len(ids), reply)
	for i, id := range ids {
		end := func(code protocol.ErrorCode) {
			if code != protocol.NoError {
				failed(i, code)
			}
			all.Done()
		}
		if code := groupID(id); code != protocol.NoError {
			end(code)
			continue
		}
		g.post(id, func(m *machine, s *step) {
			run(i, m, s)
			s.answer(end)
		}, end)
	}
}
