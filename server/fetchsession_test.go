package server

import (
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
)

// partitionsOf asks for partitions of a topic, from up to to.
func partitionsOf(topic string, from, to int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12)
	t := kmsg.FetchRequestTopic{Topic: topic}
	for i := from; i < to; i++ {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition = i
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return req
}

// forgotten forgets partitions of a topic.
func forgotten(topic string, from, to int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12)
	t := kmsg.FetchRequestForgottenTopic{Topic: topic}
	for i := from; i < to; i++ {
		t.Partitions = append(t.Partitions, i)
	}
	req.ForgottenTopics = append(req.ForgottenTopics, t)
	return req
}

// A session that ends while a request of its client is being applied takes
// nothing more: what it subscribed to now nobody would ever unsubscribe.
func TestEndedSessionTakesNothing(t *testing.T) {
	sc := newSessionCache(nil, clock.NewManual(time.Unix(1000, 0)), span.NewBudget(1<<20), 10, time.Minute)
	fs, unknown := sc.create(partitionsOf("t", 0, 3))
	if fs == nil || len(unknown) != 3 {
		t.Fatalf("%d partitions", len(unknown))
	}
	sc.remove(sc.find(fs.id))
	unknown, err := fs.update(partitionsOf("t", 3, 5))
	if err == nil || err.Code != protocol.FetchSessionIDNotFound || len(unknown) != 0 || fs.size() != 0 {
		t.Errorf("%v, %d partitions to be found, %d in all", err, len(unknown), fs.size())
	}
	if n := sc.memory.InUse(); n != 0 {
		t.Errorf("%d bytes are counted", n)
	}
}

// What a client forgets is not kept in the ready queue, also if no answer is
// ever made that would take it from there.
func TestForgottenIsNotKept(t *testing.T) {
	sc := newSessionCache(nil, clock.NewManual(time.Unix(1000, 0)), span.NewBudget(1<<20), 10, time.Minute)
	fs, _ := sc.create(partitionsOf("t", 0, 1))
	counted := int64(0)
	for i := range int32(1000) {
		fs.forget(forgotten("t", 10*i, 10*i+10))
		if _, err := fs.update(partitionsOf("t", 10*i+10, 10*i+20)); err != nil {
			t.Fatal(err)
		}
		queued := 0
		for p := fs.head; p != nil; p = p.next {
			queued++
		}
		if queued != fs.size() {
			t.Fatalf("round %d: %d are queued of %d", i, queued, fs.size())
		}
		if i == 0 {
			counted = sc.memory.InUse()
		}
	}
	if n := sc.memory.InUse(); n != counted {
		t.Errorf("counted with %d bytes, at first with %d", n, counted)
	}
}

// A session at rest ends for one that needs its memory; one at work does not,
// and then there is none.
func TestSessionMemoryOfTheRested(t *testing.T) {
	now := clock.NewManual(time.Unix(1000, 0))
	sc := newSessionCache(nil, now, span.NewBudget(100*fetchSessionWeight), 10, time.Minute)
	first, _ := sc.create(partitionsOf("", 0, 60))
	if second, _ := sc.create(partitionsOf("", 0, 60)); first == nil || second != nil {
		t.Fatal("want the first session only")
	}
	now.Advance(2 * time.Minute)
	if second, _ := sc.create(partitionsOf("", 0, 60)); second == nil || sc.find(first.id) != nil {
		t.Error("a session at rest keeps its memory")
	}
}

// What a session is counted with is about what it takes, however it grew.
func TestSessionWeight(t *testing.T) {
	const each, rounds = 1000, 57
	sc := newSessionCache(nil, clock.NewManual(time.Unix(1000, 0)), span.NewBudget(1<<40), 10, time.Minute)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	fs, _ := sc.create(partitionsOf("t", 0, each))
	for i := range int32(rounds) {
		if _, err := fs.update(partitionsOf("t", (i+1)*each, (i+2)*each)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	took, counted := int64(after.HeapAlloc)-int64(before.HeapAlloc), sc.memory.InUse()
	t.Logf("%d bytes a partition, counted with %d", took/int64(fs.size()), counted/int64(fs.size()))
	if took > counted || counted > 2*took {
		t.Errorf("%d partitions take %d bytes, counted with %d", fs.size(), took, counted)
	}
}
