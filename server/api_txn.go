package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/pattern"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
)

func txnStates() []txn.State {
	return []txn.State{txn.Empty, txn.Ongoing, txn.PrepareCommit, txn.PrepareAbort, txn.CompleteCommit, txn.CompleteAbort}
}

// apiListTxns answers GET /api/v1/transactions?state=&producer=&longer=&pattern=.
func (s *Server) apiListTxns(w http.ResponseWriter, r *http.Request) {
	views, err := s.chosenTxns(r.Context(), r.URL.Query())
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

// chosenTxns are those that a query asks for.
func (s *Server) chosenTxns(ctx context.Context, query url.Values) ([]txn.View, error) {
	filter, err := txnFilterOf(query)
	if err != nil {
		return nil, err
	}
	var chosen *pattern.Pattern
	if text := query.Get("pattern"); text != "" {
		if chosen, err = pattern.Compile(text); err != nil {
			return nil, protocol.Errorf(protocol.InvalidRequest, "pattern: %v", err)
		}
	}
	list := func() ([]txn.View, error) { return s.inspectTxns(ctx, filter) }
	if chosen == nil {
		return list()
	}
	return matched(ctx, s, chosen, list, func(v *txn.View) string { return v.ID })
}

// txnFilterOf reads a filter, but for its pattern. Unlike ListTransactions it takes only open transactions
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
		d, ok := parseAgo(longer)
		if !ok || d < time.Millisecond {
			return f, protocol.Errorf(protocol.InvalidRequest, "longer=%s is not a span of time above 0, such as 5m or 1d12h", words.Quoted(longer))
		}
		if len(f.States) == 0 {
			return f, protocol.Errorf(protocol.InvalidRequest, "longer is for states in which a transaction is open: Ongoing, PrepareCommit, PrepareAbort")
		}
		f.LongerMs = d.Milliseconds()
	}
	if text := query.Get("producer"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 0 {
			return f, protocol.Errorf(protocol.InvalidRequest, "producer=%s is not the number of a producer", words.Quoted(text))
		}
		f.Producers = []model.ProducerID{model.ProducerID(id)}
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
		return nil, errNoCoordinator(got.code)
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
	v, err := s.lookAtTxn(ctx, id)
	if err != nil {
		return nil, err
	}
	d := &TxnDetail{TxnSummary: summarizeTxn(v), PartitionList: make([]TxnPartition, len(v.Partitions))}
	places := make(map[model.TopicPartition]*TxnPartition, len(v.Partitions))
	for i, tp := range v.Partitions {
		d.PartitionList[i] = TxnPartition{Topic: tp.Topic, Partition: tp.Partition}
		places[tp] = &d.PartitionList[i]
		if _, gone := s.partitions.Find(tp.Topic, tp.Partition); gone != nil {
			d.PartitionList[i].Deleted = gone.Code == protocol.UnknownTopicOrPartition
		}
	}
	open, err := s.openTxns(ctx, func(tp model.TopicPartition) bool { return places[tp] != nil })
	if err != nil {
		return nil, err
	}
	for i := range open {
		switch o := &open[i]; {
		case o.ProducerID == d.ProducerID:
			places[o.partition()].Open = o
		case o.Holds:
			places[o.partition()].HeldBy = o
		}
	}
	for i := range d.PartitionList {
		if at := &d.PartitionList[i]; at.Open == nil {
			at.HeldBy = nil // what holds others up is not its affair
		}
	}
	d.Why, d.LastEnd = whyTxn(d, v.State), lastEndOf(v)
	d.Last = lastEndText(v, d.LastEnd)
	return d, nil
}

// lookAtTxn asks the coordinator for one id.
func (s *Server) lookAtTxn(ctx context.Context, id string) (*txn.View, error) {
	type found struct {
		view txn.View
		code protocol.ErrorCode
	}
	got, err := await(ctx, s, func(reply func(found)) {
		s.txns.Look(id, func(v txn.View, code protocol.ErrorCode) { reply(found{v, code}) })
	})
	switch {
	case err != nil:
		return nil, err
	case got.code == protocol.NoError:
		return &got.view, nil
	case got.code == protocol.TransactionalIDNotFound, got.code == protocol.NotCoordinator: // nobody ever used one
		return nil, errNoTxn(id)
	}
	return nil, errNoCoordinator(got.code)
}

// apiAbortTxn answers POST /api/v1/transactions/{id}/abort.
func (s *Server) apiAbortTxn(w http.ResponseWriter, r *http.Request) {
	id, req := r.PathValue("id"), TxnAbort{}
	err := apiBody(r, apiBodyMax, &req)
	if err == nil {
		err = inTime(r.Context())
	}
	if err == nil {
		err = s.abortTxn(r.Context(), id, &req, hostOf(r.RemoteAddr))
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, http.StatusOK, TxnAborted{ID: id})
}

func (s *Server) abortTxn(ctx context.Context, id string, req *TxnAbort, who string) error {
	start := int64(txn.AnyStart)
	if !req.Started.IsZero() {
		start = req.Started.UnixMilli()
	}
	code, err := await(ctx, s, func(reply func(protocol.ErrorCode)) {
		s.txns.Abort(id, start, txn.Caller{ClientID: "mainstem txn abort", ClientHost: who}, reply)
	})
	if err != nil {
		return err
	}
	switch code { //nolint:exhaustive // The rest is told by its name.
	case protocol.NoError:
		return nil
	case protocol.TransactionalIDNotFound, protocol.NotCoordinator:
		return errNoTxn(id)
	case protocol.InvalidTxnState:
		if start != txn.AnyStart {
			return notNow{protocol.Errorf(code, "the transaction of %s that began at %s is not open any more: nothing was aborted", words.Quoted(id), req.Started.UTC().Format(time.RFC3339))}
		}
		return notNow{protocol.Errorf(code, "%s has no transaction open: there is nothing to abort", words.Quoted(id))}
	case protocol.ConcurrentTransactions:
		return notNow{protocol.Errorf(code, "the transaction of %s is decided already and its markers are being written: `mainstem txn describe` shows how far that is", words.Quoted(id))}
	case protocol.CoordinatorLoadInProgress, protocol.CoordinatorNotAvailable:
		return errNoCoordinator(code)
	}
	return protocol.Errorf(code, "the transaction of %s was not aborted", words.Quoted(id))
}

func errNoCoordinator(code protocol.ErrorCode) error {
	return protocol.Errorf(code, "the transaction coordinator does not serve all of its partitions: wait until /readyz says that the broker is ready")
}

func errNoTxn(id string) error {
	return protocol.Errorf(protocol.TransactionalIDNotFound, "there is no transactional id %s", words.Quoted(id))
}
