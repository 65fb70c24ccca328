package server

import (
	"context"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
)

// apiAbortProducer answers POST /api/v1/partitions/{topic}/{partition}/abort-producer: it
// ends a transaction that is open in a partition and that no coordinator knows.
func (s *Server) apiAbortProducer(w http.ResponseWriter, r *http.Request) {
	var req ProducerAbort
	tp, err := partitionOf(r)
	if err == nil {
		err = apiBody(r, apiBodyMax, &req)
	}
	if err == nil && req.ProducerID == nil {
		err = protocol.Errorf(protocol.InvalidRequest, "producerId is missing: whose transaction?")
	}
	var done *ProducerAborted
	if err == nil {
		done, err = s.abortProducer(r.Context(), tp, &req)
	}
	if err != nil {
		s.apiFailed(w, err)
		return
	}
	if !done.DryRun {
		s.log.Info("hanging transaction aborted by an operator", zap.String("topic", tp.Topic), zap.Int32("partition", tp.Partition),
			zap.Int64("producer", done.Aborted.ProducerID), zap.Int64("first", done.Aborted.First), zap.String("host", hostOf(r.RemoteAddr)))
	}
	s.apiAnswer(w, http.StatusOK, done)
}

func partitionOf(r *http.Request) (model.TopicPartition, error) {
	n, err := strconv.ParseInt(r.PathValue("partition"), 10, 32)
	if err != nil || n < 0 {
		return model.TopicPartition{}, protocol.Errorf(protocol.InvalidRequest, "%s is not the number of a partition", words.Quoted(r.PathValue("partition")))
	}
	return model.TopicPartition{Topic: r.PathValue("topic"), Partition: int32(n)}, nil
}

func (s *Server) abortProducer(ctx context.Context, tp model.TopicPartition, req *ProducerAbort) (*ProducerAborted, error) {
	p, gone := s.partitions.Find(tp.Topic, tp.Partition)
	if gone != nil {
		return nil, gone
	}
	o, err := s.hanging(ctx, tp, req)
	if err == nil && !req.DryRun {
		err = inTime(ctx)
	}
	if err != nil {
		return nil, err
	}
	if !req.DryRun {
		// The marker has the epoch of the records: the producer may live, and is not
		// fenced by what hangs here.
		job := txn.MarkerJob{
			Producer: producerOf(o.ProducerID, o.ProducerEpoch), CoordinatorEpoch: s.coordinatorEpoch(tp, o.ProducerID),
			Partitions: []model.TopicPartition{tp},
		}
		failed, err := await(ctx, s, func(reply func([]*protocol.Error)) { s.markers.Write(job, reply) })
		if err == nil && failed[0] != nil {
			err = failed[0]
		}
		if err != nil {
			return nil, err
		}
	}
	done := &ProducerAborted{DryRun: req.DryRun, Aborted: *o, LastStable: int64(p.Offsets().LastStable)}
	if !req.DryRun {
		done.Aborted.Hanging, done.Aborted.Holds, done.Aborted.Ends = false, false, "it is aborted"
	}
	return done, nil
}

// hanging finds the transaction that is meant, and refuses one that somebody ends.
func (s *Server) hanging(ctx context.Context, tp model.TopicPartition, req *ProducerAbort) (*OpenTxnDetail, error) {
	open, err := s.openTxns(ctx, func(at model.TopicPartition) bool { return at == tp })
	if err != nil {
		return nil, err
	}
	for i := range open {
		o := &open[i]
		switch {
		case o.ProducerID != *req.ProducerID || req.First != nil && o.First != *req.First:
		case o.Hanging:
			return o, s.nameHanging(ctx, open)
		default:
			return nil, notNow{protocol.Errorf(protocol.InvalidTxnState, "%s", o.refusal())}
		}
	}
	if req.First != nil {
		return nil, notNow{protocol.Errorf(protocol.InvalidTxnState, "the transaction of producer %d that began at offset %d of %s-%d is not open any more: nothing was aborted",
			*req.ProducerID, *req.First, tp.Topic, tp.Partition)}
	}
	return nil, notNow{protocol.Errorf(protocol.InvalidTxnState, "producer %d has no transaction open in %s-%d: `mainstem txn list --open` shows what is",
		*req.ProducerID, tp.Topic, tp.Partition)}
}

// refusal is why a transaction is not ended in one of its partitions alone.
func (o *OpenTxnDetail) refusal() string {
	switch o.State {
	case "":
		return "the transaction began or ended a moment ago: try again"
	case txn.Ongoing.String():
		return "the transaction does not hang: it is that of " + words.Quoted(o.ID) + ", and `mainstem txn abort " + words.Quoted(o.ID) + "` ends it in all of its partitions"
	}
	return "the transaction does not hang: it is that of " + words.Quoted(o.ID) + ", is decided, and its markers are tried until all partitions have them"
}

// coordinatorEpoch is that of the newest marker of a producer in a partition: what a
// marker needs to be taken, and no more, so that its coordinator is not fenced.
func (s *Server) coordinatorEpoch(tp model.TopicPartition, id int64) int32 {
	p, gone := s.partitions.Find(tp.Topic, tp.Partition)
	if gone != nil {
		return 0
	}
	list, _ := p.Producers() // a deleted one has none
	for i := range list {
		if int64(list[i].ID) == id {
			return max(list[i].CoordinatorEpoch, 0)
		}
	}
	return 0
}
