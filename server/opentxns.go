package server

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/replication"
)

// apiOpenTxns answers GET /api/v1/transactions-open: what is open in partitions,
// and who will end it.
func (s *Server) apiOpenTxns(w http.ResponseWriter, r *http.Request) {
	list, err := s.openTxns(r.Context())
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	s.apiAnswer(w, http.StatusOK, OpenTxnList{Open: list})
}

// openPlace is where a transaction is open.
type openPlace struct {
	model.TopicPartition

	producer int64
	first    int64
}

func (o *OpenTxnDetail) place() openPlace {
	return openPlace{model.TopicPartition{Topic: o.Topic, Partition: o.Partition}, o.ProducerID, o.First}
}

// openTxns looks at the partitions before and after the coordinator: what was
// open both times was so in between. So a transaction that begins or ends
// meanwhile is never taken for one that nobody knows.
func (s *Server) openTxns(ctx context.Context) ([]OpenTxnDetail, error) {
	before := map[openPlace]bool{}
	for _, o := range s.eachOpenTxn() {
		before[o.place()] = true
	}
	views, err := s.inspectTxns(ctx, txn.Filter{LongerMs: -1, States: []txn.State{txn.Ongoing, txn.PrepareCommit, txn.PrepareAbort}})
	if err != nil {
		return nil, err
	}
	known := map[model.ProducerID]*txn.View{}
	for i := range views {
		known[views[i].Producer.ID] = &views[i]
	}
	list := s.eachOpenTxn()
	for i := range list {
		o := &list[i]
		v := known[model.ProducerID(o.ProducerID)]
		if v != nil && slices.Contains(v.Partitions, model.TopicPartition{Topic: o.Topic, Partition: o.Partition}) {
			o.knownAs(v)
		} else {
			o.Hanging = before[o.place()]
		}
	}
	return list, nil
}

func (s *Server) eachOpenTxn() []OpenTxnDetail {
	list := []OpenTxnDetail{}
	s.partitions.EachOpenTxn(func(p *replication.Partition, open []replication.OpenTxn) {
		for i := range open {
			list = append(list, openTxn(p, open[i]))
		}
	})
	slices.SortFunc(list, func(a, b OpenTxnDetail) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.First, b.First))
	})
	return list
}

// openTxn shows a transaction of a partition.
func openTxn(p *replication.Partition, open replication.OpenTxn) OpenTxnDetail {
	at := p.Offsets()
	o := OpenTxnDetail{
		Topic: p.Topic().Name, Partition: p.Index(), LastStable: int64(at.LastStable), HighWatermark: int64(at.HighWatermark),
		First: int64(open.First), ProducerID: int64(open.Producer), ProducerEpoch: int16(open.Epoch), Holds: open.Holds,
	}
	if !open.Since.IsZero() {
		o.Since = open.Since.UTC()
	}
	return o
}

// knownAs adds what the coordinator knows of it.
func (o *OpenTxnDetail) knownAs(v *txn.View) {
	summary := summarizeTxn(v)
	o.ID, o.State, o.AbortedAt = v.ID, summary.State, summary.AbortedAt
}
