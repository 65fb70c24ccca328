package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// TestAPITransactions: an open transaction is shown with what it holds up, an
// operator ends it once, and then nothing holds anybody.
func TestAPITransactions(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	topic := c.createTopic("t", 2)
	p := c.initID("my-tx")
	c.initID("idle")
	b.loadedTxns()
	if code := c.produceTxn(12, "my-tx", topic, "t", txnBatch(t, p.ProducerID, 0, 0, "v", "w")); code != protocol.NoError {
		t.Fatal(code)
	}

	var list server.TxnList
	b.apiAsk("GET", "/api/v1/transactions", "", http.StatusOK, &list)
	if len(list.Transactions) != 2 || list.Transactions[0].ID != "idle" || list.Transactions[1].State != "Ongoing" {
		t.Fatalf("%+v", list)
	}
	for query, want := range map[string]int{
		"state=ongoing": 1, "state=Empty": 1, "longer=1h": 0, "longer=1d12h": 0, "pattern=my": 0, "pattern=my-.*": 1, "producer=999999": 0,
	} {
		list = server.TxnList{}
		b.apiAsk("GET", "/api/v1/transactions?"+query, "", http.StatusOK, &list)
		if len(list.Transactions) != want {
			t.Errorf("%s: %+v", query, list)
		}
	}

	var open server.OpenTxnList
	b.apiAsk("GET", "/api/v1/transactions-open", "", http.StatusOK, &open)
	if len(open.Open) != 1 {
		t.Fatalf("%+v", open)
	}
	o := open.Open[0]
	if o.Topic != "t" || o.ID != "my-tx" || o.Hanging || !o.Holds || o.LastStable != 0 || o.HighWatermark != 2 || o.AbortedAt.IsZero() ||
		o.ClientID != "test" || o.ClientHost != "127.0.0.1" || !strings.Contains(o.Ends, "`mainstem txn abort my-tx`") {
		t.Errorf("%+v", o)
	}
	var d server.TxnDetail
	b.apiAsk("GET", "/api/v1/transactions/my-tx", "", http.StatusOK, &d)
	if len(d.PartitionList) != 1 || d.PartitionList[0].Open == nil || d.PartitionList[0].Open.First != 0 || !strings.Contains(d.Why, "in 1 of its 1 partitions") {
		t.Errorf("%+v", d)
	}
	b.showsTxns("mainstem_transaction_open_partitions 1", "mainstem_transaction_lso_lag_records 2", "mainstem_transaction_hanging_partitions 0")

	var e server.APIError
	b.apiAsk("POST", "/api/v1/transactions/my-tx/abort", `{"started":"2026-11-23T03:00:00Z"}`, http.StatusConflict, &e)
	if e.Code != "INVALID_TXN_STATE" || !strings.Contains(e.Message, "that began at 2026-11-23T03:00:00Z is not open any more") {
		t.Errorf("%+v", e)
	}
	var done server.TxnAborted
	started, err := json.Marshal(server.TxnAbort{Started: d.Started})
	must(t, err)
	b.apiAsk("POST", "/api/v1/transactions/my-tx/abort", string(started), http.StatusOK, &done)
	until(t, "the markers are written", func() bool { return d.State == "CompleteAbort" }, func() {
		d = server.TxnDetail{}
		b.apiAsk("GET", "/api/v1/transactions/my-tx", "", http.StatusOK, &d)
	})
	open = server.OpenTxnList{}
	b.apiAsk("GET", "/api/v1/transactions-open", "", http.StatusOK, &open)
	if len(open.Open) != 0 {
		t.Errorf("still open: %+v", open)
	}
	b.showsTxns("mainstem_transaction_open_partitions 0", "mainstem_transaction_lso_lag_records 0", `mainstem_transactions_ended_total{result="operator"} 1`,
		`mainstem_transaction_markers_total{kind="abort"} 1`, `mainstem_transaction_markers_total{kind="commit"} 0`)
	if end := d.LastEnd; end == nil || end.Outcome != "abort" || end.Reason != "operator" || end.ByClientHost != "127.0.0.1" || !strings.Contains(d.Last, "by an operator") {
		t.Errorf("%+v, %s", end, d.Last)
	}
	b.apiAsk("POST", "/api/v1/transactions/my-tx/abort", "", http.StatusConflict, &e)
	if e.Code != "INVALID_TXN_STATE" || !strings.Contains(e.Message, "nothing to abort") {
		t.Errorf("%+v", e)
	}
}

// showsTxns waits until the metrics of transactions have these lines: who reads what is
// committed may be faster than the coordinator that counts it.
func (b *broker) showsTxns(lines ...string) {
	b.tb.Helper()
	var shown string
	missing := func(line string) bool { return !strings.Contains(shown, line+"\n") }
	until(b.tb, "shown: "+strings.Join(lines, ", "), func() bool { return shown != "" && !slices.ContainsFunc(lines, missing) }, func() {
		shown = b.txnMetrics()
	})
}

// txnMetrics is what a scrape has of transactions.
func (b *broker) txnMetrics() string {
	b.tb.Helper()
	var shown bytes.Buffer
	reg := prometheus.NewRegistry()
	reg.MustRegister(b.server.TransactionCollector())
	families, err := reg.Gather()
	must(b.tb, err)
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&shown, f)
		must(b.tb, err)
	}
	return shown.String()
}

// TestAPITransactionsRefused: what is asked wrongly is told what would be right.
func TestAPITransactionsRefused(t *testing.T) {
	b := startBroker(t, options{})
	b.dial().initID("my-tx")
	b.loadedTxns()
	for _, c := range []struct {
		method, path string
		status       int
		words        string
	}{
		{"GET", "/api/v1/transactions?state=open", http.StatusBadRequest, "PrepareCommit"},
		{"GET", "/api/v1/transactions?longer=5", http.StatusBadRequest, "such as 5m"},
		{"GET", "/api/v1/transactions?longer=0s", http.StatusBadRequest, "above 0"},
		{"GET", "/api/v1/transactions?longer=5m&state=empty", http.StatusBadRequest, "in which a transaction is open"},
		{"GET", "/api/v1/transactions?producer=x", http.StatusBadRequest, "number of a producer"},
		{"GET", "/api/v1/transactions?pattern=(", http.StatusBadRequest, "pattern"},
		{"GET", "/api/v1/transactions?older=1", http.StatusBadRequest, "there is no parameter older"},
		{"GET", "/api/v1/transactions/none", http.StatusNotFound, "no transactional id none"},
		{"POST", "/api/v1/transactions/none/abort", http.StatusNotFound, "no transactional id none"},
		{"POST", "/api/v1/transactions/my-tx/abort", http.StatusConflict, "nothing to abort"},
		{"GET", "/api/v1/transactions-open?topics=none", http.StatusNotFound, "no topic none"},
		{"GET", "/api/v1/transactions-open?topics=,", http.StatusBadRequest, "leave topics out"},
		{"GET", "/api/v1/transactions-open?hanging=often", http.StatusBadRequest, "true or false"},
	} {
		var e server.APIError
		b.apiAsk(c.method, c.path, "", c.status, &e)
		if !strings.Contains(e.Message, c.words) {
			t.Errorf("%s: %+v, want %q", c.path, e, c.words)
		}
	}
}

// TestAPILastEnd: how a transaction ended is told as far as it is known.
func TestAPILastEnd(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	topic := c.createTopic("t", 1)
	p := c.initID("my-tx")
	b.loadedTxns()
	look := func() (d server.TxnDetail) {
		b.apiAsk("GET", "/api/v1/transactions/my-tx", "", http.StatusOK, &d)
		return d
	}
	if d := look(); d.LastEnd != nil || d.Last != "no transaction of it has ended yet" {
		t.Errorf("%+v, %s", d.LastEnd, d.Last)
	}
	begin := func(epoch int16) {
		if code := c.produceTxn(12, "my-tx", topic, "t", txnBatch(t, p.ProducerID, epoch, 0, "v")); code != protocol.NoError {
			t.Fatal(code)
		}
	}
	begin(0)
	if r := c.endTxn(5, "my-tx", p.ProducerID, 0, true); r.ErrorCode != 0 {
		t.Fatalf("%+v", r)
	}
	if d := look(); d.LastEnd == nil || d.LastEnd.Outcome != "commit" || d.LastEnd.Reason != "client" || !strings.HasSuffix(d.Last, ", by its producer") {
		t.Errorf("%+v, %s", d.LastEnd, d.Last)
	}
	begin(1)
	c.initID("my-tx")
	d := look()
	if d.LastEnd == nil || d.LastEnd.Outcome != "abort" || d.LastEnd.Reason != "newer-producer" || !strings.HasSuffix(d.Last, "as a newer producer came with the id (client test at 127.0.0.1)") {
		t.Errorf("%+v, %s", d.LastEnd, d.Last)
	}
	b.showsTxns("mainstem_transaction_producers_fenced_total 1")
}
