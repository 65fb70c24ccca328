package javatools

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

const kafkaTransactions = "org.apache.kafka.tools.TransactionsCommand"

// TestHangingTransaction leaves a transaction open that no coordinator knows, as a
// broker without verification lets a late batch do. kafka-transactions finds it, and not
// the one beside it that its coordinator will end, and aborts it.
func TestHangingTransaction(t *testing.T) {
	topic, id := create(t, "1"), shared.Name(t)
	const hanging = 4711
	hang(t, topic, hanging)
	live := begin(t, id, topic)

	for _, search := range [][]string{{"--topic", topic}, {"--broker-id", "1"}} {
		found := rows(run(t, "", kafkaTransactions, append([]string{"find-hanging", "--max-transaction-timeout", "0"}, search...)...))
		mine := slices.DeleteFunc(found, func(row []string) bool { return row[0] != topic })
		if len(mine) != 1 || mine[0][2] != fmt.Sprint(hanging) || mine[0][5] != "0" {
			t.Fatalf("find-hanging %v: %v", search, found)
		}
	}
	where := []string{"--topic", topic, "--partition", "0"}
	producers := rows(run(t, "", kafkaTransactions, append([]string{"describe-producers"}, where...)...))
	if len(producers) != 2 || producers[0][5] == "None" || producers[1][5] == "None" {
		t.Errorf("describe-producers: %v", producers)
	}
	if got := committed(t, topic); len(got) > 0 {
		t.Errorf("who reads committed data gets %v behind an open transaction", got)
	}

	run(t, "", kafkaTransactions, append([]string{"abort", "--start-offset", "0"}, where...)...)
	if found := rows(run(t, "", kafkaTransactions, "find-hanging", "--max-transaction-timeout", "0", "--topic", topic)); len(found) > 0 {
		t.Errorf("it still hangs: %v", found)
	}
	again := try(t, "", kafkaTransactions, append([]string{"--bootstrap-server", shared.Addr(), "abort", "--start-offset", "0"}, where...)...)
	if again.Code == 0 || !strings.Contains(again.Stdout+again.Stderr, "Could not find any open transactions starting at offset 0") {
		t.Errorf("abort again: code %d %s%s", again.Code, again.Stdout, again.Stderr)
	}
	if err := live.EndTransaction(testbroker.Context(t, time.Minute), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	testbroker.Eventually(t, 10*time.Second, func() error {
		if got, want := committed(t, topic), []string{"live"}; !slices.Equal(got, want) {
			return fmt.Errorf("committed is %v, want %v", got, want)
		}
		return nil
	})
}

// TestTransactions lists and describes a transaction, and ends it against the will of
// its producer.
func TestTransactions(t *testing.T) {
	topic, id := create(t, "1"), shared.Name(t)
	live := begin(t, id, topic)
	state := func(flags ...string) string {
		for _, row := range rows(run(t, "", kafkaTransactions, append([]string{"list"}, flags...)...)) {
			if row[0] == id {
				return row[3]
			}
		}
		return ""
	}
	if got := state(); got != "Ongoing" {
		t.Errorf("listed as %q", got)
	}
	if got := state("--duration-filter", "3600000"); got != "" {
		t.Errorf("open for an hour: %q", got)
	}
	described := rows(run(t, "", kafkaTransactions, "describe", "--transactional-id", id))
	if len(described) != 1 || described[0][4] != "Ongoing" || described[0][5] != "60000" || described[0][8] != topic+"-0" {
		t.Errorf("described as %v", described)
	}
	run(t, "", kafkaTransactions, "forceTerminateTransaction", "--transactionalId", id)
	if err := live.EndTransaction(testbroker.Context(t, time.Minute), kgo.TryCommit); err == nil {
		t.Error("its producer could commit it all the same")
	}
	testbroker.Eventually(t, 10*time.Second, func() error {
		if got := state(); got == "Ongoing" || strings.HasPrefix(got, "Prepare") {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
	if got := committed(t, topic); len(got) > 0 {
		t.Errorf("committed is %v", got)
	}
	unknown := try(t, "", kafkaTransactions, "--bootstrap-server", shared.Addr(), "describe", "--transactional-id", id+"-not")
	if unknown.Code == 0 || !strings.Contains(unknown.Stdout+unknown.Stderr, "TransactionalIdNotFound") && !strings.Contains(unknown.Stdout+unknown.Stderr, "could not be found") {
		t.Errorf("an unknown id: code %d %s%s", unknown.Code, unknown.Stdout, unknown.Stderr)
	}
}

// rows are the lines of a table below its head, by columns.
func rows(table string) (all [][]string) {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	for _, line := range lines[1:] {
		if cells := strings.Split(line, "\t"); len(cells) > 1 {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			all = append(all, cells)
		}
	}
	return all
}

// begin writes a record in a transaction of a producer that lives.
func begin(t *testing.T, id, topic string) *kgo.Client {
	t.Helper()
	c := shared.Client(t, kgo.TransactionalID(id), kgo.TransactionTimeout(time.Minute))
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(testbroker.Context(t, time.Minute), &kgo.Record{Topic: topic, Value: []byte("live")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return c
}

// hang writes a batch of a transaction that was never begun. Brokers refuse that unless
// they are told not to verify it.
func hang(t *testing.T, topic string, producer int64) {
	t.Helper()
	verify := func(on string) {
		run(t, "", kafkaConfigs, "--entity-type", "brokers", "--entity-default", "--alter", "--add-config", "transaction.partition.verification.enable="+on)
	}
	verify("false")
	defer verify("true")
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis, req.TransactionID = 9, -1, 10_000, kmsg.StringPtr(topic+"-hung")
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = harness.TxnBatch(producer, 0, 0, "hung")
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{part}}}
	c, err := harness.Dial(shared.Addr(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	// Who has just been told need not have heard it yet.
	testbroker.Eventually(t, 10*time.Second, func() error {
		resp, err := c.Ask(req, 10*time.Second)
		if err != nil {
			return err
		}
		if p, ok := resp.(*kmsg.ProduceResponse); !ok || p.Topics[0].Partitions[0].ErrorCode != 0 {
			return fmt.Errorf("produce: %+v", resp)
		}
		return nil
	})
}

// committed is what who reads committed data gets now of a topic's one partition.
func committed(t *testing.T, topic string) (values []string) {
	t.Helper()
	ctx := testbroker.Context(t, time.Minute)
	c := shared.Client(t, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	stable, err := kadm.NewClient(c).ListCommittedOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	// A marker, which is kept, is the last that is stable.
	for next, end := int64(0), stable[topic][0].Offset; next < end; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if next = r.Offset + 1; !r.Attrs.IsControl() {
				values = append(values, string(r.Value))
			}
		})
	}
	return values
}
