package doctor_test

import (
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/cli/doctor"
	"github.com/mainstem-mq/mainstem/internal/clock"
)

func TestLogin(t *testing.T) {
	b, address := healthy(t)
	b.mechanisms = []string{"SCRAM-SHA-512", "PLAIN"}
	demand(t, examine(t, doctor.Config{Address: address}), 1, 0,
		"failure metadata: the broker wants a login (SASL): PLAIN, SCRAM-SHA-512", "set security.protocol=SASL_PLAINTEXT", "not checked advertised")
}

func TestVersionsThatShutClientsOut(t *testing.T) {
	b, address := healthy(t)
	b.served = map[int16][2]int16{ // as of Kafka 4
		0: {3, 13}, 1: {4, 17}, 2: {1, 10}, 8: {2, 9}, 9: {1, 9}, 11: {2, 9}, 18: {0, 4},
	}
	demand(t, examine(t, doctor.Config{Address: address}), 0, 1,
		"warning clients: clients of Kafka 0.8.2, 0.9, 0.10.0, 0.10.2 are shut out; 0.10.2: Produce: it speaks up to v2, the broker from v3 on; Fetch: it speaks up to v3, ",
		"sarama with a Config.Version below V0_11_0_0", "ok clients: find versions that they speak: Kafka's clients of 0.11,")

	b.served = map[int16][2]int16{18: {0, 0}, 0: {0, 2}, 1: {0, 3}, 22: {0, -1}, 24: {0, -1}} // from before 0.11
	demand(t, examine(t, doctor.Config{Address: address}), 0, 3,                              // and that it knows no other ApiVersions is none
		"warning versions: for idempotent producers it does not serve InitProducerID", "warning versions: for transactions it does not serve InitProducerID, AddPartitionsToTxn",
		"warning clients: clients of Kafka 4.0, 4.2 are shut out; 4.2: Produce: it speaks from v3 on, the broker up to v2")

	b.served = map[int16][2]int16{0: {0, -1}}
	r := examine(t, doctor.Config{Address: address})
	demand(t, r, 1, r.Warnings, "failure versions: for writing it does not serve Produce | nobody can write records", "3.9, 4.0, 4.2 are shut out; 4.2: Produce is not served")
}

func TestAdvertisedAddresses(t *testing.T) {
	b, address := healthy(t)
	good := b.brokers[0]
	refused := fakeAddress{1, "127.0.0.1", 1}
	for _, c := range []struct {
		name    string
		brokers []fakeAddress
		want    string
	}{
		{"unspecified", []fakeAddress{{1, "0.0.0.0", good.port}}, "node 1 is at 0.0.0.0:"},
		{"none", []fakeAddress{{1, "", good.port}}, "which is no address | the broker advertises no host at all"},
		{"refused", []fakeAddress{refused}, "node 1 is at 127.0.0.1:1, and cannot be reached there: connection refused"},
		{"no port", []fakeAddress{{1, "127.0.0.1", 0}}, "which is no address"},
		{"container", []fakeAddress{{1, "0123456789ab", 9092}}, "this is the id of a container"},
		{"another node", []fakeAddress{good, {8, good.host, good.port}}, "node 8 is at " + address + ", and another node answers there: Unexpected broker id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.brokers = c.brokers
			r := examine(t, doctor.Config{Address: address})
			demand(t, r, 1, r.Warnings, "failure advertised: ", c.want, "advertise")
		})
	}
}

func TestAnotherCluster(t *testing.T) {
	b, address := healthy(t)
	other, there := healthy(t)
	other.cluster = "two"
	b.brokers = append(b.brokers, at(t, 9, there))
	demand(t, examine(t, doctor.Config{Address: address}), 1, 0, "failure advertised: node 9 is at "+there+", and there is a broker of another cluster (two, not one)")
	other.cluster = "one"
	demand(t, examine(t, doctor.Config{Address: address}), 0, 1, "warning advertised: node 9 is at "+there+", and the broker there does not know of a node 9")
}

func TestNoBrokersAndNoController(t *testing.T) {
	b, address := healthy(t)
	b.controller = -1
	demand(t, examine(t, doctor.Config{Address: address}), 0, 1, "warning controller: the cluster has no controller")
	b.controller = 12
	demand(t, examine(t, doctor.Config{Address: address}), 0, 1, "warning controller: node 12 is the controller, and it is not among the brokers")
	b.brokers = nil
	demand(t, examine(t, doctor.Config{Address: address}), 1, 0, "failure metadata: the broker knows of no broker")
}

func TestNoCoordinator(t *testing.T) {
	b, address := healthy(t)
	b.topics["__consumer_offsets"], b.coordinator = true, 15
	demand(t, examine(t, doctor.Config{Address: address}), 1, 0, "failure coordinator: nobody coordinates consumer groups: COORDINATOR_NOT_AVAILABLE")
}

func TestClocks(t *testing.T) {
	b, address := healthy(t)
	b.topics["clock"] = true
	look := func() doctor.Report { return examine(t, doctor.Config{Address: address, WriteTopic: "clock"}) }
	hours := func(h int) int64 { return clock.Real{}.Now().Add(time.Duration(h) * time.Hour).UnixMilli() }
	b.appendTime = hours(0)
	demand(t, look(), 0, 0, "ok clock: ")
	b.appendTime = hours(3)
	demand(t, look(), 0, 1, "warning clock: the broker's is ", " ahead of this machine's")
	b.appendTime = hours(-3)
	demand(t, look(), 1, 0, "failure clock: the broker's is ", "behind this machine's", "the broker refuses records of the future")
	b.appendTime = -1
	demand(t, look(), 0, 0, "not checked clock: a record was written to clock, and keeps the time of its producer")
	demand(t, examine(t, doctor.Config{Address: address, WriteTopic: "clocks"}), 1, 0, "failure clock: no record can be written to clocks: UNKNOWN_TOPIC_OR_PARTITION")
}
