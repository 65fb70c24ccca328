package streams

import (
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

func (o order) record(number int) *kgo.Record {
	return &kgo.Record{Key: []byte(strconv.Itoa(number)), Value: []byte(o.String())}
}

// writeOrders writes the input in the background.
func writeOrders(t *testing.T, topic string) *tape.Load {
	t.Helper()
	return tape.Write(t, shared.Addr(), topic, func(number int) *kgo.Record { return orderOf(number).record(number) })
}

// checkInput checks that the input is the orders from 0 to n, each once.
func checkInput(t *testing.T, topic string, n int) {
	t.Helper()
	seen := make([]int, n)
	for _, r := range tape.Whole(t, shared.Addr(), topic) {
		number, err := strconv.Atoi(string(r.Key))
		if err != nil || number < 0 || number >= n || string(r.Value) != orderOf(number).String() {
			t.Fatalf("the input has %s=%s", r.Key, r.Value)
		}
		seen[number]++
	}
	for number, times := range seen {
		if times != 1 {
			t.Fatalf("order %d is %d times in the input", number, times)
		}
	}
}
