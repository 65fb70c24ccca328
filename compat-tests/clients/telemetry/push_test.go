package telemetry

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestJava: Kafka's own producer and consumer push without any setting.
func TestJava(t *testing.T) {
	testbroker.MainstemOnly(t, shared.Broker().Target())
	testbroker.Quick(t)
	topic := shared.Topic(t, 1, nil)
	run := func(class string, args ...string) {
		t.Helper()
		out, err := harness.JavaTool(testbroker.Context(t, time.Minute), "", class, append([]string{"--bootstrap-server", shared.Addr()}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: exit code %d %s", class, out.Code, out.Stderr)
	}
	subscribe(t, "java-producer")
	run("org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", "600", "--record-size", "100", "--throughput", "100",
		"--command-property", "client.id=java-producer")
	if sent := shows(t, "java-producer", "mainstem_client_producer_topic_record_send_total", `topic="`+topic+`"`); sent > 600 {
		t.Errorf("%v records of 600 were sent", sent)
	}
	shows(t, "java-producer", "mainstem_telemetry_client_info", `client_software_name="apache-kafka-java"`, `client_software_version="4.2.0"`)
	subscribe(t, "java-consumer")
	run("org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", topic, "--from-beginning", "--timeout-ms", "6000", "--group", topic,
		"--command-property", "client.id=java-consumer")
	if read := shows(t, "java-consumer", "mainstem_client_consumer_fetch_manager_records_consumed_total"); read != 600 {
		t.Errorf("%v records of 600 were consumed", read)
	}
	shows(t, "java-consumer", "mainstem_telemetry_client_info", `group_id="`+topic+`"`)
}

// TestLibrdkafka: so do its clients.
func TestLibrdkafka(t *testing.T) {
	testbroker.MainstemOnly(t, shared.Broker().Target())
	testbroker.Quick(t)
	topic := shared.Topic(t, 1, nil)
	for _, id := range []string{"rd-producer", "rd-consumer"} {
		subscribe(t, id)
	}
	command, env := program.Python(t, "../librdkafka", "testdata/push.py", "testdata")
	out, err := harness.Run(testbroker.Context(t, time.Minute), "", append(append([]string{"env"}, env...), append(command, shared.Addr(), topic)...)...)
	if err != nil || out.Code != 0 {
		t.Fatalf("exit code %d, %v: %s%s", out.Code, err, out.Stdout, out.Stderr)
	}
	shows(t, "rd-producer", "mainstem_client_producer_connection_creation_total")
	shows(t, "rd-producer", "mainstem_telemetry_client_info", `client_software_name="confluent-kafka-python"`)
	shows(t, "rd-consumer", "mainstem_client_consumer_fetch_manager_fetch_latency_max")
	shows(t, "rd-consumer", "mainstem_telemetry_client_info", `group_id="`+topic+`"`)
}

// TestFranzgo: and franz-go's, which asks for its subscriptions when it has a connection.
func TestFranzgo(t *testing.T) {
	testbroker.MainstemOnly(t, shared.Broker().Target())
	topic := shared.Topic(t, 1, nil)
	subscribe(t, "kgo-client")
	cl := shared.Client(t, kgo.ClientID("kgo-client"), kgo.DefaultProduceTopic(topic))
	if err := cl.ProduceSync(testbroker.Context(t, time.Minute), kgo.StringRecord("v")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	shows(t, "kgo-client", "mainstem_telemetry_client_info", `client_software_name="kgo"`)
	shows(t, "kgo-client", "mainstem_client_producer_connection_creation_total")
}

// TestUnasked: a client that no subscription is for pushes nothing.
func TestUnasked(t *testing.T) {
	testbroker.MainstemOnly(t, shared.Broker().Target())
	topic := shared.Topic(t, 1, nil)
	subscribe(t, "kgo-asked")
	for _, id := range []string{"kgo-unasked", "kgo-asked"} {
		cl := shared.Client(t, kgo.ClientID(id), kgo.DefaultProduceTopic(topic))
		if err := cl.ProduceSync(testbroker.Context(t, time.Minute), kgo.StringRecord("v")).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	shows(t, "kgo-asked", "mainstem_telemetry_client_info")
	if all, err := pushed("kgo-unasked"); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
