package server_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// read reads all that is committed.
func (l *crashLook) read() {
	l.records, l.offsets = map[model.TopicPartition]map[string][]string{}, map[string]int64{}
	for _, tp := range crashPartitions() {
		if strings.HasPrefix(tp.Topic, "__") {
			continue
		}
		of := map[string][]string{}
		for _, v := range l.c.committedValues(tp) {
			name, _, _ := strings.Cut(v, "|")
			at := strings.LastIndexByte(name, '/')
			of[name[:at]] = append(of[name[:at]], name[at+1:])
		}
		l.records[tp] = of
	}
	for _, group := range crashGroups() {
		got := l.c.committedOf(group, crashOffsetOf())
		if got.ErrorCode != 0 {
			l.tb.Fatalf("offsets of %s: %s", group, protocol.ErrorCode(got.ErrorCode))
		}
		l.offsets[group] = got.Offset
	}
}

// compare demands that each transaction is there as a whole, or not at all, and as it
// was ended.
func (l *crashLook) compare() {
	for _, x := range l.run.txns {
		l.compareOne(x)
	}
	for tp, left := range l.records {
		for name := range left {
			if !strings.HasPrefix(name, "plain/") && !strings.HasPrefix(name, "after-") {
				l.tb.Errorf("%v has records of %s, which is not to be read", tp, name)
			}
		}
	}
}

func (l *crashLook) compareOne(x *crashTxn) {
	for i, w := range x.writes {
		there := l.there(x, i, w)
		found := nothing
		if there {
			found = whole
		}
		switch {
		case w.to.Topic == crashGone && l.may(l.run.dropped):
			// It is deleted, or will be.
		case !l.stood(w):
			// Nobody was told of it; who resumed the transaction ended it all the same.
			if there && (l.verdicts[x] != whole || !l.may(w.at)) {
				l.tb.Errorf("%s: write %d to %v%s is read, without an end", x.label, i, w.to, w.group)
			}
		case l.verdicts[x] == eitherWay:
			l.verdicts[x] = found
		case l.resumed[x] && !there && w.to.Topic == crashMany && l.run.async():
			// The cut came before the decision, and took records that nobody had promised
			// to keep. Their client knows nothing of it, and commits the rest.
		case l.verdicts[x] != found:
			l.tb.Errorf("%s: write %d to %v%s: read %t, want %t (to commit: %t, end %+v)",
				x.label, i, w.to, w.group, there, !there, x.commit, x.end)
		}
	}
}

// there reports whether a write is read, and demands that it is so as a whole.
func (l *crashLook) there(x *crashTxn, i int, w *crashWrite) bool {
	if w.group != "" {
		// A later one may stand in its place.
		return l.offsets[w.group] == x.number || l.verdicts[x] == whole && l.offsets[w.group] > x.number
	}
	name := fmt.Sprintf("%s/%d", x.label, i)
	got := l.records[w.to][name]
	delete(l.records[w.to], name)
	want := make([]string, w.records)
	for k := range want {
		want[k] = fmt.Sprint(k)
	}
	if len(got) > 0 && !slices.Equal(got, want) {
		l.tb.Errorf("%s: write %d to %v: records %v of %d", x.label, i, w.to, got, w.records)
	}
	return len(got) > 0
}

// goOn has all producers come back, and do a transaction each.
func (l *crashLook) goOn() {
	l.b.decisions(l.c, l.waits)
	to := crashOffsetOf()
	for i, p := range crashProducers(l.waits) {
		p.init(l.c)
		p.produce(l.c, to, crashValues("after-"+p.id, 0, 2, 10))
		p.commitOffset(l.c, "after", to, int64(i))
		req := p.ending(true)
		if code := protocol.ErrorCode(l.c.endTxn(req.Version, p.id, p.producer, p.epoch, true).ErrorCode); code != protocol.NoError {
			l.tb.Fatalf("%s comes back, and cannot commit: %s", p.id, code)
		}
	}
	l.b.stable(l.c, l.clock)
	after := map[string]int{}
	for _, v := range l.c.committedValues(to) {
		name, _, _ := strings.Cut(v, "/")
		after[name]++
	}
	for i, p := range crashProducers(nil) {
		if n := after["after-"+p.id]; n < 2 {
			l.tb.Errorf("%s came back, and %d of 2 records are read", p.id, n)
		}
		if got := l.c.committedOf("after", to); i == 0 && got.Offset != 3 {
			l.tb.Errorf("the group of those who came back stands at %d", got.Offset)
		}
	}
}
