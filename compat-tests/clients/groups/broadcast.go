package groups

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Broadcast has members of a broadcast group, all with the client's default
// client id, each get every record once. One that is started again goes on where
// it was, and new ones start by their auto.offset.reset.
func Broadcast(t *testing.T, shared *testbroker.Shared, c *Client) {
	testbroker.Quick(t)
	mainstemOnly(t, shared)
	each(t, shared, c, c.onePerProtocol(), broadcast)
}

func broadcast(_ *testing.T, w *world) {
	w.configureGroup("mainstem.consume.mode", "broadcast")
	l := w.newLoad()
	l.write(20, nil)
	two := w.join(earliest, earliest)
	a, b := two[0], two[1]
	w.once("both get all", w.start(), l.sent(), a)
	w.once("both get all", w.start(), l.sent(), b)

	before := l.sent()
	w.awaitCommitted("what they had is committed", before)
	a2 := w.prepare(earliest)
	w.leave(a)
	l.write(20, nil)
	w.admit(a2)
	w.once("one was away and goes on", before, l.sent(), a2)
	w.nothingBelow(before, a2)
	w.once("the other one goes on", w.start(), l.sent(), b)

	before = l.sent()
	w.awaitCommitted("what they had next is committed", before)
	b2, c, d := w.prepare(earliest), w.prepare(latest), w.prepare(earliest)
	b.kill()
	l.write(20, nil)
	w.admit(b2)
	w.once("one crashed and goes on", before, l.sent(), b2)
	w.nothingBelow(before, b2)
	w.once("and the one beside it", w.start(), l.sent(), a, a2)

	before = l.sent()
	w.admit(c)
	from := w.firstOf(l, c)
	w.admit(d)
	l.write(20, nil)
	w.once("a third one starts at the end", from, l.sent(), c)
	w.nothingBelow(before, c)
	w.once("a fourth one starts at the beginning", w.start(), l.sent(), d)
	w.once("the first member still gets all", w.start(), l.sent(), a, a2)
	w.once("and so does the second", w.start(), l.sent(), b, b2)
}

// configureGroup sets a config of the group, as kafka-configs does.
func (w *world) configureGroup(name, value string) {
	w.t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, w.group
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = name, &value
	resource.Configs = append(resource.Configs, config)
	req.Resources = append(req.Resources, resource)
	resp, err := req.RequestWith(w.ctx, w.shared.Client(w.t))
	if err == nil {
		err = kerr.ErrorForCode(resp.Resources[0].ErrorCode)
	}
	if err != nil {
		w.t.Fatalf("set %s of group %s: %v", name, w.group, err)
	}
}

// once waits until each record of a range was delivered once to a member, the
// later of its processes among them.
func (w *world) once(what string, from, to []int64, processes ...*member) {
	w.t.Helper()
	w.awaitDelivered(what, from, to, exactly(1), processes...)
}

// nothingBelow checks that a member got nothing before some offsets.
func (w *world) nothingBelow(ends []int64, m *member) {
	w.t.Helper()
	l, err := deliveries(w.partitions, m)
	if err == nil {
		_, err = l.judge(w.start(), ends, exactly(0))
	}
	if err != nil {
		w.t.Errorf("member %s started too early: %v", m.name, err)
	}
}

// firstOf writes until a member that starts at the end gets something of each
// partition, and tells from which records on it did.
func (w *world) firstOf(l *load, m *member) []int64 {
	w.t.Helper()
	from := make([]int64, w.partitions)
	w.await("a member starts at the end", func() error {
		l.write(1, nil)
		seen, err := deliveries(w.partitions, m)
		if err != nil {
			w.t.Fatal(err)
		}
		for p := range from {
			from[p] = 0
			for from[p] < int64(len(seen[p])) && seen[p][from[p]] == 0 {
				from[p]++
			}
			if from[p] == int64(len(seen[p])) {
				return fmt.Errorf("it has got nothing of partition %d", p)
			}
		}
		return nil
	})
	return from
}
