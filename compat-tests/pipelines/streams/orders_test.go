package streams

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// order is one record of the input. Its number is its key.
type order struct {
	account string
	amount  int
}

// accounts is how many there are: each has many orders, and each partition several.
const accounts = 37

// orderOf is the order with a number.
func orderOf(number int) order {
	return order{fmt.Sprintf("account-%d", number*number%accounts), number%101 + 1}
}

func (o order) String() string { return fmt.Sprintf("%s %d", o.account, o.amount) }

// orders writes the input in the background, a few orders at a time, until stop.
type orders struct {
	cancel context.CancelFunc
	ended  chan struct{}
	count  int
	err    error
}

// atOnce is how many orders are on the way.
const atOnce = 5

func writeOrders(t *testing.T, topic string) *orders {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(shared.Addr()), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &orders{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		defer cl.Close()
		for ctx.Err() == nil && o.err == nil {
			var records []*kgo.Record
			for range atOnce {
				records = append(records, &kgo.Record{Key: []byte(strconv.Itoa(o.count)), Value: []byte(orderOf(o.count).String())})
				o.count++
			}
			// Not with ctx: what was begun is written, however long the broker is away.
			o.err = cl.ProduceSync(context.Background(), records...).FirstErr()
		}
	}()
	t.Cleanup(cancel)
	return o
}

// stop ends the writing, and returns how many orders there are: those from 0 on, each
// once, which it checks.
func (o *orders) stop(t *testing.T, topic string) int {
	t.Helper()
	o.cancel()
	<-o.ended
	if o.err != nil {
		t.Fatal(o.err)
	}
	seen := make([]int, o.count)
	for _, r := range tape.Whole(t, shared.Addr(), topic) {
		number, err := strconv.Atoi(string(r.Key))
		if err != nil || number < 0 || number >= o.count || string(r.Value) != orderOf(number).String() {
			t.Fatalf("the input has %s=%s", r.Key, r.Value)
		}
		seen[number]++
	}
	for number, n := range seen {
		if n != 1 {
			t.Fatalf("order %d is %d times in the input", number, n)
		}
	}
	return o.count
}
