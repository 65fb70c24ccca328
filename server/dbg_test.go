package server_test

import (
	"testing"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestDbg(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 3)
	vals := make([]string, 500)
	c.produce("t", 1, vals...)
	for try, le := range []int32{-1, 0} {
		c.produce("t", 1, "after")
		req := fetchRequest("t", 1, int64(500+try))
		req.MaxWaitMillis = 2000
		req.SessionEpoch = 0
		req.Topics[0].Partitions[0].CurrentLeaderEpoch = 0
		req.Topics[0].Partitions[0].LastFetchedEpoch = le
		resp := ask[*kmsg.FetchResponse](c, 12, req)
		p := resp.Topics[0].Partitions[0]
		fmt.Println(le, p.ErrorCode, p.HighWatermark, len(p.RecordBatches), p.DivergingEpoch, valuesOf(t, p.RecordBatches))
	}
}
