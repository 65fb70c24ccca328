package server_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// BenchmarkTxnScrape measures what the metrics of transactions cost on a broker with
// 100,000 partitions and 1,000 transactional ids, while transactions are open in a few
// of the partitions, and in 1,000.
func BenchmarkTxnScrape(b *testing.B) {
	const topics, partitions, ids = 10, 10_000, 1000
	br := startBroker(b, options{static: map[string]string{cluster.BrokerPartitionsKey: "200000"}})
	c := br.dial()
	for i := range topics {
		name := fmt.Sprintf("topic-%d", i)
		c.createTopic(name, partitions)
		for k := range int32(partitions) {
			if _, err := br.partitions.Find(name, k); err != nil {
				b.Fatal(err)
			}
		}
	}
	busy := c.createTopic("busy", ids)
	for i := range ids {
		c.initID(fmt.Sprintf("tx-%d", i))
	}
	reg := prometheus.NewRegistry()
	must(b, reg.Register(br.server.TransactionCollector()))
	opened := 0
	for _, open := range []int{0, 5, ids} {
		for ; opened < open; opened++ {
			id := fmt.Sprintf("tx-%d", opened)
			p := c.initID(id)
			req := produceRequest("busy", int32(opened), -1, txnBatch(b, p.ProducerID, p.ProducerEpoch, 0, "v"))
			req.TransactionID, req.Topics[0].TopicID = &id, busy
			if code := ask[*kmsg.ProduceResponse](c, 12, req).Topics[0].Partitions[0].ErrorCode; code != 0 {
				b.Fatal(protocol.ErrorCode(code))
			}
		}
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := reg.Gather(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
