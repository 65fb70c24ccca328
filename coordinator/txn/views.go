package txn

import (
	"cmp"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// View is a transactional id as operators see it.
type View struct {
	ID         string
	State      State
	Producer   Producer
	Timeout    int32 // ms
	Start      int64 // ms, of the open transaction or the last one; -1: none
	Updated    int64 // ms
	Partitions []model.TopicPartition
	Unmarked   int     // of those, without a marker yet, when the outcome is decided
	Waiting    int     // requests that wait for the transaction to be over
	Client     Caller  // that was given the producer; not known after a load
	Last       *Ending // of the newest transaction that is decided; nil: not known, or none was
	Whole      bool    // nothing of the id is unknown: it began after the load
}

func (tx *transaction) view() View {
	v := View{
		ID: tx.id, State: tx.state, Producer: tx.who(), Timeout: tx.timeout, Start: tx.start,
		Updated: tx.updated, Partitions: tx.partitions.each(), Waiting: len(tx.waiting), Client: tx.caller,
		Last: tx.last, Whole: tx.whole,
	}
	if tx.markers != nil {
		v.Unmarked = len(tx.markers.left)
	}
	return v
}

// Filter chooses transactional ids; what is empty chooses all.
type Filter struct {
	States    []State            // as few as there are
	Producers []model.ProducerID // ascending
	LongerMs  int64              // since the start of the transaction; -1: any. None is taken for very long
}

func (f *Filter) chooses(tx *transaction, now int64) bool {
	return (len(f.Producers) == 0 || f.names(tx.producer)) &&
		(len(f.States) == 0 || slices.Contains(f.States, tx.state)) &&
		(f.LongerMs < 0 || now-tx.start > f.LongerMs)
}

func (f *Filter) names(id model.ProducerID) bool {
	_, ok := slices.BinarySearch(f.Producers, id)
	return ok
}

// openOnly tells that all that is chosen is open.
func (f *Filter) openOnly() bool {
	return len(f.States) > 0 && !slices.ContainsFunc(f.States, func(s State) bool { return !s.open() })
}

// each visits the ids that a filter chooses. Who asks for open transactions does not
// wait for a walk over all ids.
func (m *machine) each(f *Filter, now int64, visit func(*transaction)) {
	if f.openOnly() {
		for id := range m.begun.Keys() {
			if tx := m.ids[id]; f.chooses(tx, now) {
				visit(tx)
			}
		}
		return
	}
	for _, tx := range m.ids {
		if f.chooses(tx, now) {
			visit(tx)
		}
	}
}

// Inspect shows the ids that a filter chooses, in order. While a shard is loading
// it can show none.
func (t *Transactions) Inspect(f Filter, reply func([]View, protocol.ErrorCode)) {
	collect(t, f, (*transaction).view, func(all []View, code protocol.ErrorCode) {
		slices.SortFunc(all, func(a, b View) int { return cmp.Compare(a.ID, b.ID) })
		reply(all, code)
	})
}

// collect shows what a filter chooses in all shards; nothing with a code.
func collect[T any](t *Transactions, f Filter, show func(*transaction) T, reply func([]T, protocol.ErrorCode)) {
	found := make([][]T, t.shards.Len())
	t.shards.Each(func(shard int, m *machine, s *step) {
		m.each(&f, s.Wall(), func(tx *transaction) { found[shard] = append(found[shard], show(tx)) })
	}, func(code protocol.ErrorCode) {
		if code != protocol.NoError {
			reply(nil, code)
			return
		}
		reply(slices.Concat(found...), protocol.NoError)
	})
}

// Look shows one id; TRANSACTIONAL_ID_NOT_FOUND: there is no such id.
func (t *Transactions) Look(id string, reply func(View, protocol.ErrorCode)) {
	look(t, id, (*transaction).view, reply)
}

// look shows one id; nothing with a code.
func look[T any](t *Transactions, id string, show func(*transaction) T, reply func(T, protocol.ErrorCode)) {
	t.ask(id, func(m *machine, s *step, r *request) {
		tx := m.ids[id]
		if tx == nil {
			s.reply(r, protocol.TransactionalIDNotFound)
			return
		}
		shown := show(tx)
		s.accept(r, func() { reply(shown, protocol.NoError) })
	}, func(code protocol.ErrorCode) {
		var none T
		reply(none, code)
	})
}

// List handles ListTransactions, versions 0 to 2, but for the pattern of version 2:
// to try one takes longer than a turn may, so its caller does.
func (t *Transactions) List(req *kmsg.ListTransactionsRequest, reply func(*kmsg.ListTransactionsResponse)) {
	resp := kmsg.NewPtrListTransactionsResponse()
	resp.Version = req.Version
	f := Filter{LongerMs: -1}
	for _, name := range req.StateFilters {
		switch state, known := stateNamed(name); {
		case !known:
			resp.UnknownStateFilters = append(resp.UnknownStateFilters, name)
		case !slices.Contains(f.States, state):
			f.States = append(f.States, state)
		}
	}
	for _, id := range req.ProducerIDFilters {
		f.Producers = append(f.Producers, model.ProducerID(id))
	}
	slices.Sort(f.Producers)
	if req.Version >= 1 {
		f.LongerMs = req.DurationFilterMillis
	}
	if len(req.StateFilters) > 0 && len(f.States) == 0 {
		f.States = []State{stateCount} // it asks for states that no id is in
	}
	collect(t, f, (*transaction).listed, func(all []kmsg.ListTransactionsResponseTransactionState, code protocol.ErrorCode) {
		slices.SortFunc(all, func(a, b kmsg.ListTransactionsResponseTransactionState) int {
			return cmp.Compare(a.TransactionalID, b.TransactionalID)
		})
		resp.ErrorCode, resp.TransactionStates = int16(code), all
		reply(resp)
	})
}

func (tx *transaction) listed() kmsg.ListTransactionsResponseTransactionState {
	state := kmsg.NewListTransactionsResponseTransactionState()
	state.TransactionalID, state.ProducerID, state.TransactionState = tx.id, int64(tx.producer), tx.state.String()
	return state
}

// stateNamed takes Kafka's names, also of states that no id is ever shown in.
func stateNamed(name string) (State, bool) {
	for state := range stateCount {
		if state.String() == name {
			return state, true
		}
	}
	return stateCount, name == "Dead" || name == "PrepareEpochFence"
}

// Describe handles DescribeTransactions, version 0.
func (t *Transactions) Describe(req *kmsg.DescribeTransactionsRequest, reply func(*kmsg.DescribeTransactionsResponse)) {
	resp := kmsg.NewPtrDescribeTransactionsResponse()
	resp.Version = req.Version
	resp.TransactionStates = make([]kmsg.DescribeTransactionsResponseTransactionState, len(req.TransactionalIDs))
	all := shard.NewGather(len(req.TransactionalIDs), func() { reply(resp) })
	for i, id := range req.TransactionalIDs {
		look(t, id, (*transaction).describe, func(shown kmsg.DescribeTransactionsResponseTransactionState, code protocol.ErrorCode) {
			if code != protocol.NoError {
				shown = kmsg.NewDescribeTransactionsResponseTransactionState()
				shown.TransactionalID, shown.ErrorCode = id, int16(code)
			}
			resp.TransactionStates[i] = shown
			all.Done()
		})
	}
}

func (tx *transaction) describe() kmsg.DescribeTransactionsResponseTransactionState {
	d := kmsg.NewDescribeTransactionsResponseTransactionState()
	d.TransactionalID, d.State, d.TimeoutMillis, d.StartTimestamp = tx.id, tx.state.String(), tx.timeout, tx.start
	d.ProducerID, d.ProducerEpoch = int64(tx.producer), int16(tx.epoch)
	for _, t := range tx.partitions {
		topic := kmsg.NewDescribeTransactionsResponseTransactionStateTopic()
		topic.Topic, topic.Partitions = t.topic, slices.Clone(t.numbers)
		d.Topics = append(d.Topics, topic)
	}
	return d
}
