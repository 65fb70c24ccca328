package server_test

import (
	"maps"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// play goes through the script: the steps are the same for all seeds, their order is
// not. Each leaves no transaction open.
func (r *crashRun) play() {
	r.tb.Helper()
	r.arm(true)
	all := crashProducers(r.waits)
	for _, p := range all {
		p.init(r.c)
	}
	one, two, three, four := all[0], all[1], all[2], all[3]
	steps := []func(){
		func() { r.plain(one, true); r.plain(two, false) },
		func() { r.plain(four, false); r.plain(three, true) },
		func() { r.interleaved(one, two) },
		func() { r.interleaved(three, four) },
		func() { r.wide(three, true) },
		func() { r.wide(one, false) },
		func() { r.long(two, four) },
		func() { r.empty(one); r.empty(two) },
		func() { r.offsetsOnly(four); r.offsetsOnly(three) },
		func() { r.restart(one, three) },
		func() { r.fenced(two, four) },
		func() { r.timedOut(one, two) },
	}
	r.rng.Shuffle(len(steps), func(i, k int) { steps[i], steps[k] = steps[k], steps[i] })
	for _, step := range steps {
		step()
	}
	r.deleted(three, four)
	r.settle()
	r.arm(false)
	r.stop()
}

// playShort goes through a part of the steps.
func (r *crashRun) playShort() {
	r.tb.Helper()
	all := crashProducers(r.waits)
	for _, p := range all {
		p.init(r.c)
	}
	one, two, three, four := all[0], all[1], all[2], all[3]
	r.plain(one, true)
	r.plain(two, false)
	r.interleaved(three, four)
	r.wide(two, true)
	r.offsetsOnly(one)
	r.fenced(three, four)
	r.settle()
}

// crashProducers are two of each kind.
func crashProducers(waits func()) []*crashProducer {
	return []*crashProducer{
		{id: "one", waits: waits}, {id: "two", bumps: true, waits: waits}, {id: "three", bumps: true, waits: waits}, {id: "four", waits: waits},
	}
}

// settle waits until all markers are written.
func (r *crashRun) settle() {
	r.tb.Helper()
	r.b.stable(r.c, r.manual)
}

func (r *crashRun) plain(p *crashProducer, commit bool) {
	x := r.begin(p)
	r.write(p, x, crashFew, 0, 2, 100)
	r.write(p, x, crashFew, 1, 1, 3000)
	r.write(p, x, crashMany, int32(r.rng.IntN(crashManyParts)), 3, 10)
	r.write(p, x, crashFew, 0, 1, 100)
	r.offsets(p, x, crashGroups()...)
	r.end(crashEnd{p, x, commit})
}

// interleaved has two open in the same partitions, which end at once.
func (r *crashRun) interleaved(p, q *crashProducer) {
	x, y := r.begin(p), r.begin(q)
	for i := range int32(2) {
		r.write(p, x, crashFew, i, 1, 50)
		r.write(q, y, crashFew, i, 2, 700)
		r.c.produce(crashFew, i, crashValues("plain", int(i), 1, 20)...)
		r.write(p, x, crashFew, i, 1, 50)
	}
	r.write(q, y, crashMany, 0, 1, 50)
	r.end(crashEnd{p, x, true}, crashEnd{q, y, false})
}

// wide writes to every partition.
func (r *crashRun) wide(p *crashProducer, commit bool) {
	x := r.begin(p)
	for i := range int32(crashManyParts) {
		r.write(p, x, crashMany, i, 1, 30)
	}
	for i := range int32(crashFewParts) {
		r.write(p, x, crashFew, i, 1, 30)
	}
	r.offsets(p, x, "g")
	r.end(crashEnd{p, x, commit})
}

// long has two over several segments; between them is what belongs to nobody.
func (r *crashRun) long(p, q *crashProducer) {
	x, y := r.begin(p), r.begin(q)
	for i := range 3 {
		r.write(p, x, crashFew, 2, 2, 30_000)
		r.write(q, y, crashMany, 1, 1, 30_000)
		r.c.produce(crashFew, 2, crashValues("plain", i, 1, 20)...)
	}
	r.end(crashEnd{q, y, false})
	r.offsets(p, x, "h", "i")
	r.end(crashEnd{p, x, true})
}

// empty ends what has no records.
func (r *crashRun) empty(p *crashProducer) {
	for _, commit := range []bool{true, false} {
		x := r.begin(p)
		switch {
		case !p.bumps: // it has partitions all the same
			p.add(r.c, crashOffsetOf())
		case commit: // refused, as nothing is open
			continue
		}
		r.end(crashEnd{p, x, commit})
	}
}

func (r *crashRun) offsetsOnly(p *crashProducer) {
	for _, commit := range []bool{true, false, true} {
		x := r.begin(p)
		r.offsets(p, x, crashGroups()...)
		r.end(crashEnd{p, x, commit})
	}
}

// restart stops the broker in the middle of two.
func (r *crashRun) restart(p, q *crashProducer) {
	r.tb.Helper()
	x, y := r.begin(p), r.begin(q)
	r.write(p, x, crashFew, 0, 1, 40)
	r.offsets(p, x, "g", "h")
	r.write(q, y, crashFew, 0, 1, 40)
	r.again()
	r.write(p, x, crashFew, 1, 1, 40)
	r.write(q, y, crashFew, 0, 1, 40)
	r.end(crashEnd{q, y, true}, crashEnd{p, x, true})
	r.again() // in the middle of their markers, perhaps
}

// again stops the broker cleanly and starts it. What is decided is carried out before
// the script goes on: groups that have not loaded yet take no markers, and that these
// are tried again is a matter of time, which stands still while a client waits.
func (r *crashRun) again() {
	r.tb.Helper()
	r.stop()
	r.start()
	r.b.loaded()
	r.b.decisions(r.c, r.waits)
}

// loaded waits for the coordinators.
func (b *broker) loaded() {
	b.tb.Helper()
	until(b.tb, "the coordinators have loaded", func() bool {
		return b.txns.Metrics().ShardsLoaded == 4 && b.groups.Metrics().ShardsLoaded == 4
	}, func() {})
}

// fenced has a second client of the same id come while a transaction is open.
func (r *crashRun) fenced(p, q *crashProducer) {
	r.tb.Helper()
	for _, p := range []*crashProducer{p, q} {
		x := r.begin(p)
		r.write(p, x, crashFew, 1, 2, 40)
		r.offsets(p, x, "i")
		late := *p
		r.note(&x.doomed)
		p.init(r.c)
		r.cut("answer to init")
		req := late.ending(true)
		if code := protocol.ErrorCode(r.c.endTxn(req.Version, late.id, late.producer, late.epoch, true).ErrorCode); code == protocol.NoError {
			r.tb.Errorf("%s: a fenced one commits", x.label)
		}
		r.plain(p, true)
	}
}

// timedOut leaves two open for too long.
func (r *crashRun) timedOut(p, q *crashProducer) {
	r.tb.Helper()
	r.settle()
	x, y := r.begin(p), r.begin(q)
	r.write(p, x, crashFew, 0, 1, 40)
	r.offsets(p, x, "g")
	r.write(q, y, crashFew, 0, 1, 40)
	r.write(q, y, crashMany, 2, 1, 40)
	r.note(&x.doomed)
	r.note(&y.doomed)
	r.manual.Advance((crashTimeoutMs + 1) * time.Millisecond)
	r.settle()
	r.cut("timeout")
	for _, p := range []*crashProducer{p, q} {
		late := *p
		late.next = maps.Clone(p.next)
		if code := late.send(r.c, crashOffsetOf(), crashValues("late", 0, 1, 10)); code != protocol.InvalidProducerEpoch {
			r.tb.Errorf("%s: a record after the timeout: %s", p.id, code)
		}
		p.init(r.c)
	}
}

// deleted has two lose one of their topics; when the second ends there is another of
// that name.
func (r *crashRun) deleted(p, q *crashProducer) {
	x, y := r.begin(p), r.begin(q)
	for i, p := range []*crashProducer{p, q} {
		x := []*crashTxn{x, y}[i]
		r.write(p, x, crashGone, 0, 1, 40)
		r.write(p, x, crashFew, 0, 1, 40)
	}
	r.offsets(p, x, "g", "h")
	r.note(&r.dropped)
	r.c.deleteTopic(crashGone)
	r.cut("answer to the deletion of a topic")
	r.end(crashEnd{p, x, true})
	r.c.createTopic(crashGone, 1)
	r.end(crashEnd{q, y, true})
}
