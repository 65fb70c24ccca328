package txn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// sample are values with the bytes that Kafka's schemas (TransactionLogKey and
// TransactionLogValue of 4.2) give for them.
var sample = map[string]struct {
	value value
	bytes string
}{
	"empty": {
		value{state: Empty, producer: 5, epoch: 2, previous: 5, next: -1, timeout: 60000, start: -1, updated: 9},
		"\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x05" + "\x00\x02" + "\x00\x00\xea\x60" + "\x00" + "\x00" +
			"\x00\x00\x00\x00\x00\x00\x00\x09" + "\xff\xff\xff\xff\xff\xff\xff\xff" +
			"\x01" + "\x00\x08\x00\x00\x00\x00\x00\x00\x00\x05",
	},
	"ongoing": {
		value{
			state: Ongoing, producer: 1 << 40, epoch: 7, previous: 4, next: -1, timeout: 1, start: 8, updated: 9, client: 2,
			partitions: partitions{{"t", []int32{0, 3}}, {"u", []int32{258}}},
		},
		"\x00\x01" + "\x00\x00\x01\x00\x00\x00\x00\x00" + "\x00\x07" + "\x00\x00\x00\x01" + "\x01" +
			"\x03" + "\x02t\x03\x00\x00\x00\x00\x00\x00\x00\x03\x00" + "\x02u\x02\x00\x00\x01\x02\x00" +
			"\x00\x00\x00\x00\x00\x00\x00\x09" + "\x00\x00\x00\x00\x00\x00\x00\x08" +
			"\x02" + "\x00\x08\x00\x00\x00\x00\x00\x00\x00\x04" + "\x02\x02\x00\x02",
	},
	"prepared with the last epoch": {
		value{state: PrepareCommit, producer: 3, epoch: 32767, previous: 3, next: 11, timeout: 1, start: 8, updated: 9, client: 2},
		"\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x03" + "\x7f\xff" + "\x00\x00\x00\x01" + "\x02" + "\x01" +
			"\x00\x00\x00\x00\x00\x00\x00\x09" + "\x00\x00\x00\x00\x00\x00\x00\x08" +
			"\x03" + "\x00\x08\x00\x00\x00\x00\x00\x00\x00\x03" + "\x01\x08\x00\x00\x00\x00\x00\x00\x00\x0b" + "\x02\x02\x00\x02",
	},
	"complete without tags": {
		value{state: CompleteAbort, producer: 3, epoch: 0, previous: -1, next: -1, timeout: 1, start: 8, updated: 9},
		"\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x03" + "\x00\x00" + "\x00\x00\x00\x01" + "\x05" + "\x01" +
			"\x00\x00\x00\x00\x00\x00\x00\x09" + "\x00\x00\x00\x00\x00\x00\x00\x08" + "\x00",
	},
}

func TestRecordBytes(t *testing.T) {
	t.Parallel()
	if r := record("ab", &value{}); !bytes.Equal(r.Key, []byte("\x00\x00\x00\x02ab")) {
		t.Errorf("key %q", r.Key)
	}
	for name, want := range sample {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record("id", &want.value)
			if !bytes.Equal(r.Value, []byte(want.bytes)) {
				t.Errorf("wrote\n%q, want\n%q", r.Value, want.bytes)
			}
			if got := want.value.size(); got < len(r.Value) {
				t.Errorf("a value of %d bytes is thought to take %d", len(r.Value), got)
			}
			got, dead, err := readValue(r.Value)
			if err != nil || dead || !reflect.DeepEqual(got, want.value) {
				t.Errorf("read %+v, dead %v, %v; want %+v", got, dead, err, want.value)
			}
		})
	}
}

// TestReadsOldValues reads version 0, what others may write into version 1, and
// states that are never in our log.
func TestReadsOldValues(t *testing.T) {
	t.Parallel()
	const head, times = "\x00\x00\x00\x00\x00\x00\x00\x05" + "\x00\x02" + "\x00\x00\xea\x60", "\x00\x00\x00\x00\x00\x00\x00\x09" + "\xff\xff\xff\xff\xff\xff\xff\xff"
	base := value{producer: 5, epoch: 2, previous: -1, next: -1, timeout: 60000, start: -1, updated: 9}
	with := func(change func(*value)) value {
		v := base
		change(&v)
		return v
	}
	for name, c := range map[string]struct {
		bytes string
		want  value
		dead  bool
	}{
		"version 0, no partitions": {"\x00\x00" + head + "\x00" + "\xff\xff\xff\xff" + times, base, false},
		"version 0, partitions": {
			"\x00\x00" + head + "\x01" + "\x00\x00\x00\x01" + "\x00\x02tt" + "\x00\x00\x00\x02\x00\x00\x00\x07\x00\x00\x00\x01" + times,
			with(func(v *value) { v.state, v.partitions = Ongoing, partitions{{"tt", []int32{1, 7}}} }), false,
		},
		"topics in any order, one twice": {
			"\x00\x01" + head + "\x04" + "\x04" + "\x02u\x02\x00\x00\x00\x01\x00" + "\x02a\x01\x00" + "\x02u\x03\x00\x00\x00\x00\x00\x00\x00\x01\x00" + times + "\x00",
			with(func(v *value) {
				v.state, v.partitions = CompleteCommit, partitions{{"a", []int32{}}, {"u", []int32{0, 1}}}
			}), false,
		},
		"unknown tags": {
			"\x00\x01" + head + "\x03" + "\x02" + "\x02u\x02\x00\x00\x00\x01\x01\x09\x01z" + times + "\x03" + "\x01\x08\x00\x00\x00\x00\x00\x00\x00\x06" + "\x03\x02\x00\x01" + "\x09\x00",
			with(func(v *value) { v.state, v.next, v.partitions = PrepareAbort, 6, partitions{{"u", []int32{1}}} }), false,
		},
		"an epoch fence": {"\x00\x01" + head + "\x07" + "\x01" + times + "\x00", with(func(v *value) { v.state = PrepareAbort }), false},
		"dead":           {"\x00\x01" + head + "\x06" + "\x01" + times + "\x00", value{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, dead, err := readValue([]byte(c.bytes))
			if err != nil || dead != c.dead || !reflect.DeepEqual(got, c.want) {
				t.Errorf("read %+v, dead %v, %v\nwant %+v, dead %v", got, dead, err, c.want, c.dead)
			}
		})
	}
}

// TestRefusesBadRecords: what cannot be read is an error, never a panic, and never
// memory for what bytes only claim.
func TestRefusesBadRecords(t *testing.T) {
	t.Parallel()
	good := sample["ongoing"].bytes
	patched := func(at int, b string) string { return good[:at] + b + good[at+len(b):] }
	values := map[string]string{
		"nothing": "", "half a version": "\x00", "a later version": "\x00\x02" + good[2:], "a negative one": "\xff\xff" + good[2:],
		"an unknown state": patched(16, "\x08"), "a negative state": patched(16, "\xff"),
		"no producer": patched(2, "\xff"), "no epoch": patched(10, "\xff"),
		"many topics": patched(17, "\xff\xff\xff\xff\x0f"), "more than 32 bits": patched(17, "\xff\xff\xff\xff\xff\x01"),
		"many partitions": patched(20, "\xff\xff\xff\xff\x0f"), "many tags": good[:len(good)-15] + "\xff\xff\xff\xff\x0f",
		"a topic without a name": patched(18, "\x00"), "bytes behind": good + "\x00",
	}
	for i := 2; i < len(good); i++ {
		values[fmt.Sprintf("cut at %d", i)] = good[:i]
	}
	for name, b := range values {
		if v, dead, err := readValue([]byte(b)); !errors.Is(err, errRecord) || dead {
			t.Errorf("%s: %+v, dead %v, %v", name, v, dead, err)
		}
	}
	m := newMachine()
	for name, key := range map[string]string{
		"no key": "", "half a version": "\x00", "no id": "\x00\x00", "more than there is": "\x00\x00\x00\x03ab", "bytes behind": "\x00\x00\x00\x01ab", "a negative length": "\x00\x00\xff\xff",
	} {
		if err := m.Replay(shard.Record{Key: []byte(key), Value: []byte(good)}); !errors.Is(err, errRecord) {
			t.Errorf("key: %s: %v", name, err)
		}
	}
	if err := m.Replay(shard.Record{Key: []byte("\x00\x01whatever"), Value: []byte(good)}); err != nil || len(m.ids) != 0 {
		t.Errorf("a key of another kind: %v, %d ids", err, len(m.ids))
	}
}

// TestClaimsCostNothing measures what is allocated for a value that claims to hold
// as much as its bytes can at most.
func TestClaimsCostNothing(t *testing.T) {
	claim := []byte(sample["empty"].bytes[:17])
	claim = binary.AppendUvarint(claim, 1<<20)
	claim = append(claim, make([]byte, 64<<10)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := readValue(claim); err == nil {
		t.Fatal("it was read")
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<10 {
		t.Errorf("%d bytes for a value of %d", grown, len(claim))
	}
}

// TestReplayKeepsNoBytes: what replay is lent, the journal uses again.
func TestReplayKeepsNoBytes(t *testing.T) {
	t.Parallel()
	want := sample["ongoing"].value
	r := record("id", &want)
	m := newMachine()
	if err := m.Replay(r); err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{r.Key, r.Value} {
		for i := range b {
			b[i] = 0xee
		}
	}
	if tx := m.ids["id"]; tx == nil || tx.id != "id" || !reflect.DeepEqual(tx.value, want) {
		t.Errorf("%+v", m.ids)
	}
}

// TestDead: a record that says so ends an id as a tombstone does, and one of
// nobody does nothing.
func TestDead(t *testing.T) {
	t.Parallel()
	m := newMachine()
	live := sample["ongoing"].value
	gone := record("id", &live)
	gone.Value[16] = codeDead
	for i, r := range []shard.Record{gone, record("id", &live), gone} {
		if err := m.Replay(r); err != nil {
			t.Fatal(err)
		}
		if got, want := len(m.ids), i%2; got != want || m.census[Ongoing] != want {
			t.Errorf("after record %d: %d ids, counted %d", i, got, m.census[Ongoing])
		}
	}
	if err := m.check(); err != nil {
		t.Error(err)
	}
}

// FuzzValue reads anything. What could be read comes back when it is written; and
// another implementation of the format reads the same.
func FuzzValue(f *testing.F) {
	for _, s := range sample {
		f.Add([]byte(s.bytes))
		f.Add(append([]byte("\x00\x00"), s.bytes[2:]...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, dead, err := readValue(b)
		if err != nil || dead {
			return
		}
		if v.state == Empty {
			v.partitions = nil // not written there
		}
		written := v.appendTo(nil)
		if len(written) > v.size() {
			t.Errorf("%d bytes, thought to be %d", len(written), v.size())
		}
		again, dead, err := readValue(written)
		if err != nil || dead || !same(again, v) {
			t.Fatalf("read again %+v, %v; first %+v", again, err, v)
		}
		other := kmsg.NewTxnMetadataValue()
		if err := other.ReadFrom(written); err != nil {
			t.Fatalf("another reader: %v", err)
		}
		if got := fromOther(&other); !same(got, v) {
			t.Fatalf("another reader sees %+v, we %+v", got, v)
		}
	})
}

func same(a, b value) bool {
	equal := slices.EqualFunc(a.partitions, b.partitions, func(a, b topicPartitions) bool {
		return a.topic == b.topic && slices.Equal(a.numbers, b.numbers)
	})
	a.partitions, b.partitions = nil, nil
	return equal && reflect.DeepEqual(a, b)
}

func fromOther(o *kmsg.TxnMetadataValue) value {
	v := value{
		state: State(o.State), producer: model.ProducerID(o.ProducerID), epoch: model.ProducerEpoch(o.ProducerEpoch),
		previous: model.ProducerID(o.PreviousProducerID), next: model.ProducerID(o.NextProducerID), timeout: o.TimeoutMillis,
		start: o.StartTimestamp, updated: o.LastUpdateTimestamp, client: o.ClientTransactionVersion,
	}
	for _, t := range o.Topics {
		v.partitions = append(v.partitions, topicPartitions{strings.Clone(t.Topic), t.Partitions})
	}
	return v
}
