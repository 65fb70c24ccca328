package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

func txnStates() []txn.State {
	return []txn.State{txn.Empty, txn.Ongoing, txn.PrepareCommit, txn.PrepareAbort, txn.CompleteCommit, txn.CompleteAbort}
}

// apiListTxns answers GET /api/v1/transactions?state=&producer=&longer=&pattern=.
func (s *Server) apiListTxns(w http.ResponseWriter, r *http.Request) {
	filter, err := txnFilterOf(r.URL.Query())
	var views []txn.View
	if err == nil {
		views, err = s.inspectTxns(r.Context(), filter)
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	list := TxnList{Transactions: make([]TxnSummary, len(views))}
	for i := range views {
		list.Transactions[i] = summarizeTxn(&views[i])
	}
	s.apiAnswer(w, http.StatusOK, list)
}

// txnFilterOf reads a filter. Unlike ListTransactions it takes only open transactions
// for long ones: who asks for those does not look for ids that do nothing.
func txnFilterOf(query url.Values) (txn.Filter, error) {
	f := txn.Filter{LongerMs: -1}
	all := txnStates()
	names := make([]string, len(all))
	for i, state := range all {
		names[i] = state.String()
	}
	wanted, err := listed("state", query.Get("state"), names)
	if err != nil {
		return f, err
	}
	longer := query.Get("longer")
	for _, state := range all {
		open := state == txn.Ongoing || state == txn.PrepareCommit || state == txn.PrepareAbort
		for _, name := range wanted {
			if name == state.String() && (open || longer == "") {
				f.States = append(f.States, state)
			}
		}
	}
	if longer != "" {
		d, err := time.ParseDuration(longer)
		if err != nil || d < 0 {
			return f, protocol.Errorf(protocol.InvalidRequest, "longer=%s is not a span of time, such as 5m", Quoted(longer))
		}
		if len(f.States) == 0 {
			return f, protocol.Errorf(protocol.InvalidRequest, "longer is for states in which a transaction is open: Ongoing, PrepareCommit, PrepareAbort")
		}
		f.LongerMs = d.Milliseconds()
	}
	if text := query.Get("producer"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 0 {
			return f, protocol.Errorf(protocol.InvalidRequest, "producer=%s is not the number of a producer", Quoted(text))
		}
		f.Producers = []model.ProducerID{model.ProducerID(id)}
	}
	if text := query.Get("pattern"); text != "" {
		if f.Pattern, err = txn.WholePattern(text); err != nil {
			return f, protocol.Errorf(protocol.InvalidRequest, "pattern: %v", err)
		}
	}
	return f, nil
}

// inspectTxns asks the coordinator for the ids that a filter chooses.
func (s *Server) inspectTxns(ctx context.Context, f txn.Filter) ([]txn.View, error) {
	type found struct {
		views []txn.View
		code  protocol.ErrorCode
	}
	got, err := await(ctx, s, func(reply func(found)) {
		s.txns.Inspect(f, func(views []txn.View, code protocol.ErrorCode) { reply(found{views, code}) })
	})
	if err != nil {
		return nil, err
	}
	if got.code != protocol.NoError {
		return nil, protocol.Errorf(got.code, "the transaction coordinator does not serve all of its partitions: wait until /readyz says that the broker is ready")
	}
	return got.views, nil
}

// apiDescribeTxn answers GET /api/v1/transactions/{id}.
func (s *Server) apiDescribeTxn(w http.ResponseWriter, r *http.Request) {
	d, err := s.describeTxn(r.Context(), r.PathValue("id"))
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, http.StatusOK, d)
}

func (s *Server) describeTxn(ctx context.Context, id string) (*TxnDetail, error) {
	views, err := s.inspectTxns(ctx, txn.Filter{LongerMs: -1})
	if err != nil {
		return nil, err
	}
	for i := range views {
		v := &views[i]
		if v.ID != id {
			continue
		}
		d := &TxnDetail{TxnSummary: summarizeTxn(v), PartitionList: make([]TxnPartition, len(v.Partitions))}
		for j, tp := range v.Partitions {
			d.PartitionList[j] = s.txnPartition(v, tp)
		}
		d.Why = whyTxn(d, v.State)
		return d, nil
	}
	return nil, errNoTxn(id)
}

// txnPartition is what a transaction has open in one of its partitions.
func (s *Server) txnPartition(v *txn.View, tp model.TopicPartition) TxnPartition {
	shown := TxnPartition{Topic: tp.Topic, Partition: tp.Partition}
	p, gone := s.partitions.Find(tp.Topic, tp.Partition)
	if gone != nil {
		shown.Deleted = gone.Code == protocol.UnknownTopicOrPartition
		return shown
	}
	for _, open := range p.OpenTxns() {
		if open.Producer == v.Producer.ID {
			found := openTxn(p, open)
			found.knownAs(v)
			shown.Open = &found
		}
	}
	return shown
}

// apiAbortTxn answers POST /api/v1/transactions/{id}/abort.
func (s *Server) apiAbortTxn(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	err := apiBody(r, apiBodyMax, &struct{}{})
	if err == nil {
		err = inTime(r.Context())
	}
	var code protocol.ErrorCode
	if err == nil {
		code, err = await(r.Context(), s, func(reply func(protocol.ErrorCode)) {
			s.txns.Abort(id, txn.Caller{ClientID: "mainstem txn abort", ClientHost: r.RemoteAddr}, reply)
		})
	}
	if err == nil {
		err = refusedAbort(id, code)
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, http.StatusOK, TxnAborted{ID: id})
}

func refusedAbort(id string, code protocol.ErrorCode) error {
	switch code { //nolint:exhaustive // The rest is told by its name.
	case protocol.NoError:
		return nil
	case protocol.TransactionalIDNotFound:
		return errNoTxn(id)
	case protocol.InvalidTxnState:
		return notNow{protocol.Errorf(code, "%s has no transaction open: there is nothing to abort", Quoted(id))}
	case protocol.ConcurrentTransactions:
		return notNow{protocol.Errorf(code, "the transaction of %s is decided already and its markers are being written: `mainstem txn describe` shows how far that is", Quoted(id))}
	}
	return protocol.Errorf(code, "the transaction of %s was not aborted", Quoted(id))
}

func errNoTxn(id string) error {
	return protocol.Errorf(protocol.TransactionalIDNotFound, "there is no transactional id %s", Quoted(id))
}
