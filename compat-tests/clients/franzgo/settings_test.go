package franzgo

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestSettings: the settings of docs/clients/franz-go.md.
func TestSettings(t *testing.T) {
	bootstrap, name, group := shared.Addr(), topic(t, 3, nil), shared.Name(t)
	ctx := testContext(t)

	// snippet: producer
	producer, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()),
	)
	// snippet: end
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := producer.ProduceSync(ctx, &kgo.Record{Topic: name, Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}

	// snippet: consumer
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)
	// snippet: end
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	if got := poll(t, consumer, 1); string(got[0].Value) != "v" {
		t.Fatalf("got %q", got[0].Value)
	}
	if err := consumer.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
}
