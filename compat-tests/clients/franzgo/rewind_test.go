package franzgo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestRewind takes a group back while three members are at work that commit by
// themselves, and records come all the time: what they had consumed is delivered
// again once, from the mark on, and nothing before it.
func TestRewind(t *testing.T) {
	for balancer, b := range map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer(),
	} {
		t.Run(balancer, func(t *testing.T) { testRewind(t, b) })
	}
}

func testRewind(t *testing.T, b kgo.GroupBalancer) {
	const partitions, each = 6, 100
	testbroker.MainstemOnly(t, shared.Broker().Target())
	url := strings.TrimSuffix(shared.Broker().Metrics(), "/metrics")
	name, group := topic(t, partitions, nil), shared.Name(t)
	url += "/api/v1/groups/" + group + "/rewind"
	cl := client(t, manual()...)
	for p := range int32(partitions) {
		produce(t, cl, values(name, p, fmt.Sprintf("%d:", p), each)...)
	}
	start := kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())
	var members []*member
	for range 3 {
		members = append(members, join(t, group, name, kgo.Balancers(b), start))
	}
	awaitBalance(t, partitions, members...)
	awaitDeliveries(t, partitions, each, func(int) int { return 1 }, members...)

	stop := noise(t, cl, name, partitions)
	rewound := []int{1, 1} // deliveries of records below and from the mark on
	for _, mark := range []int{40, 70} {
		awaitCommitted(t, group, name, partitions, each)
		ask(t, http.MethodPost, url, fmt.Sprintf(`{"to":"%d","topics":["%s"]}`, mark, name))
		awaitRewound(t, url)
		rewound = append(rewound, mark)
		awaitDeliveries(t, partitions, each, func(i int) int {
			n := 1
			for _, m := range rewound[2:] {
				if i >= m {
					n++
				}
			}
			return n
		}, members...)
	}
	// An undo now leads nowhere back: the group has come further, or is about to. Once
	// it has committed that there is nothing to undo any more, and it is told so.
	if raw, status := send(t, http.MethodPost, url+"/undo", `{}`); status/100 == 2 {
		awaitRewound(t, url)
	} else if status != http.StatusConflict || !bytes.Contains(raw, []byte("has come to where it was before the rewind")) {
		t.Fatalf("undo: %d, %s", status, raw)
	}
	sent := stop()
	awaitNoise(t, sent, members...)
	awaitDeliveries(t, partitions, each, func(i int) int {
		switch {
		case i >= 70:
			return 3
		case i >= 40:
			return 2
		}
		return 1
	}, members...)
}

// awaitCommitted waits until the group has committed what it got of the first records.
func awaitCommitted(t *testing.T, group, topic string, partitions, each int) {
	t.Helper()
	adm := admin(t)
	testbroker.Eventually(t, 30*time.Second, func() error {
		offsets, err := adm.FetchOffsets(testContext(t), group)
		if err != nil {
			return err
		}
		for p := range int32(partitions) {
			if o, ok := offsets.Lookup(topic, p); !ok || o.At < int64(each) {
				return fmt.Errorf("partition %d is committed at %d", p, o.At)
			}
		}
		return nil
	})
}

// noise produces until it is stopped; then it tells what it has sent.
func noise(t *testing.T, cl *kgo.Client, topic string, partitions int32) func() int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	sent := 0
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			r := &kgo.Record{Topic: topic, Partition: int32(sent) % partitions, Value: fmt.Appendf(nil, "noise%d", sent)}
			if err := cl.ProduceSync(context.WithoutCancel(ctx), r).FirstErr(); err != nil {
				t.Errorf("produce: %v", err)
				return
			}
			sent++
		}
	})
	return func() int {
		cancel()
		wg.Wait()
		return sent
	}
}

// ask speaks to the broker's API of groups.
func ask(t *testing.T, method, url, body string) []byte {
	t.Helper()
	raw, status := send(t, method, url, body)
	if status/100 != 2 {
		t.Fatalf("%s %s: %d, %s", method, url, status, raw)
	}
	return raw
}

// send asks and returns the answer, whatever it is.
func send(t *testing.T, method, url, body string) ([]byte, int) {
	t.Helper()
	req, err := http.NewRequestWithContext(testContext(t), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw, resp.StatusCode
}

// awaitRewound waits until the marks are committed.
func awaitRewound(t *testing.T, url string) {
	t.Helper()
	testbroker.Eventually(t, 30*time.Second, func() error {
		raw := ask(t, http.MethodGet, url, "")
		var now struct{ Phase string }
		if err := json.Unmarshal(raw, &now); err != nil || now.Phase != "done" {
			return fmt.Errorf("%s, %w", raw, err)
		}
		return nil
	})
}

func delivered(members []*member) map[string]int {
	n := map[string]int{}
	for _, m := range members {
		for _, v := range m.values() {
			n[v]++
		}
	}
	return n
}

// awaitDeliveries waits until record i of each partition has come want(i) times,
// and none more often.
func awaitDeliveries(t *testing.T, partitions, each int, want func(i int) int, members ...*member) {
	t.Helper()
	testbroker.Eventually(t, 30*time.Second, func() error {
		got, missing := delivered(members), error(nil)
		for p := range partitions {
			for i := range each {
				value := string(numbered(fmt.Sprintf("%d:", p), i))
				switch n := got[value]; {
				case n > want(i):
					t.Fatalf("record %s was delivered %d times, not %d", value, n, want(i))
				case n < want(i):
					missing = fmt.Errorf("record %s was delivered %d times, not %d", value, n, want(i))
				}
			}
		}
		return missing
	})
}

// awaitNoise waits until every record of the noise has come.
func awaitNoise(t *testing.T, sent int, members ...*member) {
	t.Helper()
	testbroker.Eventually(t, 30*time.Second, func() error {
		got := delivered(members)
		for i := range sent {
			if got[fmt.Sprintf("noise%d", i)] == 0 {
				return fmt.Errorf("noise %d of %d has not come", i, sent)
			}
		}
		return nil
	})
}
