package server

import (
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// callOf is a call without a connection.
func callOf(key protocol.Key, cost int) *call {
	return &call{header: protocol.RequestHeader{Key: key}, mem: holding{cost: cost}}
}

// TestGatherKnownSizes: answers of a known size that are not encoded yet count
// for what one write carries, and for what their connection owes.
func TestGatherKnownSizes(t *testing.T) {
	p := newPipeline(nil, nil, 100)
	for _, size := range []int{100, 100, gatherBytes + 1, 40 << 10, 40 << 10, 40 << 10, owedMax + 1, 100} {
		c := callOf(protocol.KeyDescribeGroups, 10)
		if !p.push(c) {
			t.Fatal("not let in")
		}
		c.resp, c.mem.size = kmsg.NewPtrDescribeGroupsResponse(), size
		p.complete(c)
	}
	want := 100 + 100 + gatherBytes + 1 + 3*40<<10 + 10 + 100
	if p.owed != want {
		t.Errorf("%d bytes are owed, expected %d", p.owed, want)
	}
	for c := p.head; c != nil; c = c.next {
		c.inline = false
	}
	var writes []int
	for first := p.take(); first != nil; first = p.take() {
		n := 0
		for c := first; c != nil; c = c.next {
			n++
		}
		writes = append(writes, n)
	}
	for i, n := range []int{2, 1, 2, 1, 1, 1} {
		if i >= len(writes) || writes[i] != n {
			t.Fatalf("writes of %v answers", writes)
		}
	}
	if p.owed != 0 {
		t.Errorf("%d bytes are owed at the end", p.owed)
	}
}

// TestAwait: a Produce waits for all but its like, other large requests for all;
// both wake what is parked.
func TestAwait(t *testing.T) {
	for _, c := range []struct {
		name    string
		ahead   []*call
		produce bool
		waits   bool
	}{
		{"nothing", nil, false, false},
		{"a Produce behind Produces", []*call{callOf(protocol.KeyProduce, callCost), callOf(protocol.KeyProduce, callCost)}, true, false},
		{"another behind a Produce", []*call{callOf(protocol.KeyProduce, callCost)}, false, true},
		{"a Produce behind another", []*call{callOf(protocol.KeyProduce, callCost), callOf(protocol.KeyMetadata, callCost)}, true, true},
		{"a Produce behind what owes much", []*call{callOf(protocol.KeyProduce, owedMax)}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(nil, nil, 3)
				woken := 0
				for _, call := range c.ahead {
					p.push(call)
					p.park(call, func() { woken++ })
				}
				in := false
				go func() { in = p.await(c.produce) }()
				synctest.Wait()
				if in == c.waits || c.waits && woken != len(c.ahead) {
					t.Errorf("it was let in: %v; %d were woken", in, woken)
				}
				p.drain()
				synctest.Wait()
				if in && c.waits {
					t.Error("it was let in by the end")
				}
			})
		})
	}
}
