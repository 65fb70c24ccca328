package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// loadedTxns waits until the coordinator serves: an id that is given out by one shard says
// nothing of the others.
func (b *broker) loadedTxns() {
	b.tb.Helper()
	until(b.tb, "the transactions are loaded", func() bool { return b.txns.Metrics().ShardsLoaded == 4 }, func() {})
}

// openTxns is what is open, as operators are told.
func (b *broker) openTxns(query string) []server.OpenTxnDetail {
	b.tb.Helper()
	var open server.OpenTxnList
	b.apiAsk("GET", "/api/v1/transactions-open"+query, "", http.StatusOK, &open)
	return open.Open
}

// TestAPIHanging: what was written past the coordinator is told apart from what that
// will end, and an operator ends it alone.
func TestAPIHanging(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	topic := c.createTopic("known", 1)
	c.createTopic("t", 2)
	p := c.initID("my-tx")
	b.loadedTxns()
	if code := c.produceTxn(12, "my-tx", topic, "known", txnBatch(t, p.ProducerID, 0, 0, "v")); code != protocol.NoError {
		t.Fatal(code)
	}
	b.write("t", p.ProducerID, 0, "v", "w") // a known producer's, in a partition that its transaction does not have
	open := b.openTxns("")
	if len(open) != 2 || open[0].Hanging || !open[1].Hanging || open[1].ID != "my-tx" || open[1].State != "" { // whose producer it is
		t.Fatalf("%+v", open)
	}
	if want := fmt.Sprintf("`mainstem txn abort --topic t --partition 0 --producer %d` does", p.ProducerID); !strings.HasSuffix(open[1].Ends, want) {
		t.Errorf("%q, want %q", open[1].Ends, want)
	}
	if only := b.openTxns("?hanging=true"); len(only) != 1 || only[0].Topic != "t" {
		t.Errorf("%+v", only)
	}
	if only := b.openTxns("?topics=known"); len(only) != 1 || only[0].Topic != "known" {
		t.Errorf("%+v", only)
	}
	b.showsTxns("mainstem_transaction_open_partitions 2", "mainstem_transaction_hanging_partitions 1")

	body := fmt.Sprintf(`{"producerId":%d}`, p.ProducerID)
	for _, r := range []struct {
		path, body string
		status     int
		words      string
	}{
		{"known/0", body, http.StatusConflict, "does not hang: it is that of my-tx, and `mainstem txn abort my-tx` ends it"},
		{"t/1", body, http.StatusConflict, "no transaction open in t-1: `mainstem txn list --open`"},
		{"t/0", `{"producerId":999}`, http.StatusConflict, "no transaction open in t-0"},
		{"t/0", fmt.Sprintf(`{"producerId":%d,"firstOffset":1}`, p.ProducerID), http.StatusConflict, "at offset 1 of t-0 is not open any more"},
		{"t/0", "", http.StatusBadRequest, "producerId is missing"},
		{"t/0", `{"producer":1}`, http.StatusBadRequest, "unknown field"},
		{"t/2", body, http.StatusNotFound, "has partitions 0 to 1, not 2"},
		{"none/0", body, http.StatusNotFound, "does not exist"},
		{"t/x", body, http.StatusBadRequest, "x is not the number of a partition"},
	} {
		var e server.APIError
		b.apiAsk("POST", "/api/v1/partitions/"+r.path+"/abort-producer", r.body, r.status, &e)
		if !strings.Contains(e.Message, r.words) {
			t.Errorf("%s %s: %+v, want %q", r.path, r.body, e, r.words)
		}
	}

	var done server.ProducerAborted
	b.apiAsk("POST", "/api/v1/partitions/t/0/abort-producer", fmt.Sprintf(`{"producerId":%d,"dryRun":true}`, p.ProducerID), http.StatusOK, &done)
	if !done.DryRun || done.Aborted.First != 0 || done.LastStable != 0 || len(b.openTxns("?hanging=true")) != 1 {
		t.Fatalf("%+v", done)
	}
	done = server.ProducerAborted{}
	b.apiAsk("POST", "/api/v1/partitions/t/0/abort-producer", fmt.Sprintf(`{"producerId":%d,"firstOffset":0}`, p.ProducerID), http.StatusOK, &done)
	if done.DryRun || done.LastStable != 3 || done.Aborted.Hanging || done.Aborted.Holds || done.Aborted.Ends != "it is aborted" { // two records and a marker
		t.Errorf("%+v", done)
	}
	if open = b.openTxns(""); len(open) != 1 || open[0].Topic != "known" {
		t.Errorf("%+v", open)
	}
	if lines := b.logs.FilterMessage("hanging transaction aborted by an operator").All(); len(lines) != 1 || lines[0].ContextMap()["topic"] != "t" || lines[0].ContextMap()["host"] != "127.0.0.1" {
		t.Errorf("%v", lines)
	}
	// Its producer goes on where it is known.
	if r := c.endTxn(5, "my-tx", p.ProducerID, 0, true); r.ErrorCode != 0 {
		t.Errorf("%+v", r)
	}
}

// TestAPIHeldBy: who waits behind another transaction is told which one that is.
func TestAPIHeldBy(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	topic := c.createTopic("t", 1)
	b.write("t", 4711, 0, "v")
	p := c.initID("my-tx")
	b.loadedTxns()
	if code := c.produceTxn(12, "my-tx", topic, "t", txnBatch(t, p.ProducerID, 0, 0, "v")); code != protocol.NoError {
		t.Fatal(code)
	}
	var d server.TxnDetail
	b.apiAsk("GET", "/api/v1/transactions/my-tx", "", http.StatusOK, &d)
	if len(d.PartitionList) != 1 || d.PartitionList[0].Open == nil || d.PartitionList[0].Open.Holds {
		t.Fatalf("%+v", d)
	}
	if by := d.PartitionList[0].HeldBy; by == nil || by.ProducerID != 4711 || !by.Hanging {
		t.Errorf("%+v", by)
	}
	if want := "waits for older ones before it, in 1 of its 1 partitions; in 1 of these the older one hangs."; !strings.Contains(d.Why, want) {
		t.Errorf("%q, want %q", d.Why, want)
	}
}

// TestKnownNeverHangs: transactions that begin and end while somebody looks are not
// taken for hanging ones.
func TestKnownNeverHangs(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 4)
	c.initID("first")
	b.loadedTxns()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	for i := range cap(ended) {
		go func() { ended <- b.keepTransacting(ctx, fmt.Sprintf("tx-%d", i)) }()
	}
	seen := 0
	for looks := 0; looks < 300 || seen == 0; looks++ {
		for _, o := range b.openTxns("") {
			seen++
			if o.Hanging {
				t.Fatalf("%+v", o)
			}
		}
	}
	stop()
	for range cap(ended) {
		must(t, <-ended)
	}
}

// keepTransacting has one transaction after the other in the partitions of "t", every third
// aborted, until ctx ends.
func (b *broker) keepTransacting(ctx context.Context, id string) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(b.addr), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer c.Close()
	for n := 0; ctx.Err() == nil; n++ {
		if err := c.BeginTransaction(); err != nil {
			return err
		}
		for p := range int32(4) {
			if err := c.ProduceSync(context.Background(), &kgo.Record{Topic: "t", Partition: p, Value: []byte("v")}).FirstErr(); err != nil {
				return err
			}
		}
		if err := c.EndTransaction(context.Background(), kgo.TransactionEndTry(n%3 > 0)); err != nil {
			return err
		}
	}
	return nil
}
