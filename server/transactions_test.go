package server_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// TestNoTransactions: a transactional producer learns at once that it cannot
// be one, by an error that no client tries again; the log says it in words.
func TestNoTransactions(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	id := "my-tx"
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorType, find.CoordinatorKeys = 1, []string{id}
	// Java shows the words of what it does not know by its code.
	found := ask[*kmsg.FindCoordinatorResponse](c, 4, find).Coordinators[0]
	if found.ErrorCode != int16(protocol.UnsupportedVersion) || !strings.Contains(*found.ErrorMessage, "no transactions yet") {
		t.Errorf("FindCoordinator: %v", found)
	}
	// librdkafka would try again after other codes.
	find.CoordinatorKey = id
	old := ask[*kmsg.FindCoordinatorResponse](c, 2, find)
	if old.ErrorCode != int16(protocol.TransactionalIDAuthorizationFailed) || !strings.Contains(*old.ErrorMessage, "no transactions yet") {
		t.Errorf("FindCoordinator v2: %v", old)
	}
	init := kmsg.NewPtrInitProducerIDRequest()
	init.TransactionalID = &id
	if got := ask[*kmsg.InitProducerIDResponse](c, 4, init); got.ErrorCode != int16(protocol.TransactionalIDAuthorizationFailed) {
		t.Errorf("InitProducerId: %v", got)
	}
	req := produceRequest("t", 0, -1, batchOf(t, "a"))
	req.TransactionID = &id
	if p := ask[*kmsg.ProduceResponse](c, 9, req).Topics[0].Partitions[0]; p.ErrorCode != int16(protocol.TransactionalIDAuthorizationFailed) {
		t.Errorf("Produce: %v", p)
	}
	lines := b.logs.FilterMessageSnippet("unset transactional.id").All()
	if len(lines) != 4 {
		t.Fatalf("%d lines in the log, want one for each request", len(lines))
	}
	if got := lines[0].ContextMap(); got["transactional_id"] != id || got["address"] != "127.0.0.1" {
		t.Errorf("the log says %v", got)
	}
}

// TestNoTransactionsIsFinal: a client that asks in a newer version gives up as
// well.
func TestNoTransactionsIsFinal(t *testing.T) {
	b := startBroker(t, options{})
	if err := newKgo(t, b, kgo.TransactionalID("my-tx")).BeginTransaction(); !errors.Is(err, kerr.UnsupportedVersion) {
		t.Errorf("the producer begins with %v", err)
	}
}
