package server

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// apiOpenTxns answers GET /api/v1/transactions-open?topics=&hanging=: what is open in
// partitions, and what will end it.
func (s *Server) apiOpenTxns(w http.ResponseWriter, r *http.Request) {
	wanted, hanging, err := s.openFilterOf(r.URL.Query())
	var list []OpenTxnDetail
	if err == nil {
		list, err = s.openTxns(r.Context(), wanted)
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	if err = s.nameHanging(r.Context(), list); err != nil {
		s.apiFailed(w, err)
		return
	}
	if hanging {
		list = slices.DeleteFunc(list, func(o OpenTxnDetail) bool { return !o.Hanging })
	}
	s.apiAnswer(w, http.StatusOK, OpenTxnList{Open: list})
}

// openFilterOf reads which partitions are asked for; nil: all. A topic that there is
// not is an error: an empty list reads as all well.
func (s *Server) openFilterOf(query url.Values) (wanted func(model.TopicPartition) bool, hanging bool, err error) {
	if text := query.Get("hanging"); text != "" {
		if hanging, err = strconv.ParseBool(text); err != nil {
			return nil, false, protocol.Errorf(protocol.InvalidRequest, "hanging=%s must be true or false", words.Quoted(text))
		}
	}
	if !query.Has("topics") {
		return nil, hanging, nil
	}
	topics := map[string]bool{}
	for name := range strings.SplitSeq(query.Get("topics"), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if _, ok := s.meta.Image().Topic(name); !ok {
			return nil, false, protocol.Errorf(protocol.UnknownTopicOrPartition, "there is no topic %s", words.Quoted(name))
		}
		topics[name] = true
	}
	if len(topics) == 0 {
		return nil, false, protocol.Errorf(protocol.InvalidRequest, "the list of topics is empty: leave topics out to see all")
	}
	return func(tp model.TopicPartition) bool { return topics[tp.Topic] }, hanging, nil
}

// openPlace is where a transaction is open.
type openPlace struct {
	model.TopicPartition

	producer int64
	first    int64
}

func (o *OpenTxnDetail) place() openPlace { return openPlace{o.partition(), o.ProducerID, o.First} }

func (o *OpenTxnDetail) partition() model.TopicPartition {
	return model.TopicPartition{Topic: o.Topic, Partition: o.Partition}
}

// openTxns looks at the partitions before and after the coordinator: what was
// open both times was so in between. So a transaction that begins or ends
// meanwhile is never taken for one that nobody knows. wanted chooses partitions; nil:
// all.
func (s *Server) openTxns(ctx context.Context, wanted func(model.TopicPartition) bool) ([]OpenTxnDetail, error) {
	before := map[openPlace]bool{}
	for _, o := range s.eachOpenTxn(wanted) {
		before[o.place()] = true
	}
	known, err := s.openByProducer(ctx)
	if err != nil {
		return nil, err
	}
	list := s.eachOpenTxn(wanted)
	for i := range list {
		o := &list[i]
		if v := known[model.ProducerID(o.ProducerID)]; v != nil && has(v, o.partition()) {
			o.knownAs(v)
		} else {
			o.Hanging = before[o.place()]
		}
		o.Ends = o.ends()
	}
	return list, nil
}

// openByProducer is what the coordinator knows to be open.
func (s *Server) openByProducer(ctx context.Context) (map[model.ProducerID]*txn.View, error) {
	views, err := s.inspectTxns(ctx, txn.Filter{LongerMs: -1, States: []txn.State{txn.Ongoing, txn.PrepareCommit, txn.PrepareAbort}})
	if err != nil {
		return nil, err
	}
	known := make(map[model.ProducerID]*txn.View, len(views))
	for i := range views {
		known[views[i].Producer.ID] = &views[i]
	}
	return known, nil
}

// nameHanging gives what hangs the id whose producer it is, where the coordinator knows
// that: it says whose application to look at. The transaction is not that id's any more.
func (s *Server) nameHanging(ctx context.Context, list []OpenTxnDetail) error {
	filter := txn.Filter{LongerMs: -1}
	for i := range list {
		if list[i].Hanging {
			filter.Producers = append(filter.Producers, model.ProducerID(list[i].ProducerID))
		}
	}
	if len(filter.Producers) == 0 {
		return nil
	}
	slices.Sort(filter.Producers)
	views, err := s.inspectTxns(ctx, filter)
	if err != nil {
		return err
	}
	for k := range views {
		v := &views[k]
		for i := range list {
			if o := &list[i]; o.Hanging && o.ProducerID == int64(v.Producer.ID) {
				summary := summarizeTxn(v)
				o.ID, o.ClientID, o.ClientHost = v.ID, summary.ClientID, summary.ClientHost
			}
		}
	}
	return nil
}

// has tells whether a partition is part of a transaction.
func has(v *txn.View, tp model.TopicPartition) bool {
	_, found := slices.BinarySearchFunc(v.Partitions, tp, func(a, b model.TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return found
}

func (s *Server) eachOpenTxn(wanted func(model.TopicPartition) bool) []OpenTxnDetail {
	list := []OpenTxnDetail{}
	s.partitions.EachOpenTxn(func(p *replication.Partition, open []replication.OpenTxn) {
		if wanted != nil && !wanted(model.TopicPartition{Topic: p.Topic().Name, Partition: p.Index()}) {
			return
		}
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
	o.ClientID, o.ClientHost = summary.ClientID, summary.ClientHost
}

// ends says what ends it.
func (o *OpenTxnDetail) ends() string {
	switch {
	case o.Hanging:
		return fmt.Sprintf("nothing: the coordinator knows of no such transaction. `mainstem txn abort --topic %s --partition %d --producer %d` does",
			words.Quoted(o.Topic), o.Partition, o.ProducerID)
	case o.State == txn.Ongoing.String():
		return fmt.Sprintf("its producer's commit or abort, a new producer of its id, its timeout at %s, or `mainstem txn abort %s`",
			o.AbortedAt.Format(time.RFC3339), words.Quoted(o.ID))
	case o.State == txn.PrepareCommit.String():
		return "it is decided to be committed, and the marker is tried until this partition has it"
	case o.State == txn.PrepareAbort.String():
		return "it is decided to be aborted, and the marker is tried until this partition has it"
	}
	return "it began or ended a moment ago: look again"
}
