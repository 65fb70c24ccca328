package batch

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// TestMarkerBytes: the bytes are those that Kafka writes.
func TestMarkerBytes(t *testing.T) {
	t.Parallel()
	got := AppendMarker([]byte("before"), &Marker{Producer: 4711, Epoch: 3, Commit: true, CoordinatorEpoch: 9, Timestamp: 1_700_000_000_000})
	const want = "0000000000000000" + "00000042" + "ffffffff" + "02" + "????????" + // base offset, length, leader epoch, magic, CRC
		"0030" + "00000000" + "0000018bcfe56800" + "0000018bcfe56800" + // attributes, last delta, times
		"0000000000001267" + "0003" + "ffffffff" + "00000001" + // producer, epoch, sequence, records
		"20" + "00" + "00" + "00" + "08" + "00000001" + "0c" + "000000000009" + "00"
	text := hex.EncodeToString(bytes.TrimPrefix(got, []byte("before")))
	if masked := text[:34] + "????????" + text[42:]; masked != want {
		t.Errorf("\n%s, want\n%s", masked, want)
	}
	if len(got) != len("before")+MarkerSize {
		t.Error(len(got))
	}
}

func drawMarker(r *rapid.T) Marker {
	return Marker{
		Producer:         model.ProducerID(rapid.Int64Min(0).Draw(r, "producer")),
		Epoch:            model.ProducerEpoch(rapid.Int16Min(0).Draw(r, "epoch")),
		Commit:           rapid.Bool().Draw(r, "commit"),
		CoordinatorEpoch: rapid.Int32().Draw(r, "coordinator epoch"),
		Timestamp:        rapid.Int64().Draw(r, "timestamp"),
	}
}

func TestMarkerRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		want := drawMarker(r)
		b := AppendMarker(nil, &want)
		h, err := Parse(b)
		if err != nil || Verify(b, &h) != nil || h.Size != len(b) {
			r.Fatal(h, err)
		}
		got, ok, err := ReadMarker(b, &h)
		if err != nil || !ok || got != want {
			r.Fatalf("%+v %v %v, want %+v", got, ok, err, want)
		}
		records := 0
		if err := Records(b, &h, 0, func(Record) error { records++; return nil }); err != nil || records != 1 {
			r.Fatal(records, err)
		}
	})
}

// control makes a control batch of producer 5.
func control(t *testing.T, key, value []byte, change func(*Builder)) ([]byte, Header) {
	t.Helper()
	b := NewBuilder(None)
	b.Control, b.Transactional, b.ProducerID, b.ProducerEpoch = true, true, 5, 1
	if change != nil {
		change(b)
	}
	b.Add(7, key, value)
	raw, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return raw, h
}

func TestOtherControlBatches(t *testing.T) {
	t.Parallel()
	abort, value := []byte{0, 0, 0, 0}, []byte{0, 0, 0, 0, 0, 9}
	for name, c := range map[string]struct {
		key, value []byte
		change     func(*Builder)
		ok         bool
		err        error
	}{
		"abort":                 {key: abort, value: value, ok: true},
		"newer versions":        {key: []byte{0, 7, 0, 0, 1}, value: append([]byte{0, 3}, value[2:]...), ok: true},
		"longer value":          {key: abort, value: append(value, 1, 2, 3), ok: true},
		"leader change":         {key: []byte{0, 0, 0, 2}, value: []byte("any")},
		"unknown type":          {key: []byte{0, 0, 0xff, 0xff}},
		"data":                  {key: abort, value: value, change: func(b *Builder) { b.Control = false }},
		"not transactional":     {key: abort, value: value, change: func(b *Builder) { b.Transactional = false }},
		"no producer":           {key: abort, value: value, change: func(b *Builder) { b.ProducerID = -1 }},
		"no key":                {value: value, err: ErrInvalid},
		"short key":             {key: abort[:3], value: value, err: ErrInvalid},
		"negative version":      {key: []byte{0xff, 0xff, 0, 0}, value: value, err: ErrInvalid},
		"no value":              {key: abort, err: ErrInvalid},
		"short value":           {key: abort, value: value[:5], err: ErrInvalid},
		"negative value":        {key: abort, value: []byte{0x80, 0, 0, 0, 0, 9}, err: ErrInvalid},
		"two records":           {key: abort, value: value, change: func(b *Builder) { b.Add(7, abort, value) }, err: ErrInvalid},
		"compressed":            {key: abort, value: value, change: func(b *Builder) { b.Codec = Gzip }, err: ErrInvalid},
		"data of a transaction": {key: []byte("k"), value: nil, change: func(b *Builder) { b.Control = false }},
	} {
		raw, h := control(t, c.key, c.value, c.change)
		m, ok, err := ReadMarker(raw, &h)
		if ok != c.ok || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v %v %v", name, m, ok, err)
		}
		if ok && (m.Producer != 5 || m.Epoch != 1 || m.Commit || m.CoordinatorEpoch != 9 || m.Timestamp != 7) {
			t.Errorf("%s: %+v", name, m)
		}
		if !ok && m != (Marker{}) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestMarkersTakeNoMemory(t *testing.T) {
	b := AppendMarker(nil, &Marker{Producer: 1, Commit: true})
	h, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	room := make([]byte, 0, MarkerSize)
	if n := testing.AllocsPerRun(100, func() {
		if _, ok, err := ReadMarker(b, &h); !ok || err != nil {
			t.Error(ok, err)
		}
		room = AppendMarker(room[:0], &Marker{Producer: 1})
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzMarker: whatever stands in a control batch, reading it does not panic,
// and what is taken for a marker is written again as one that says the same.
func FuzzMarker(f *testing.F) {
	f.Add(AppendMarker(nil, &Marker{Producer: 3, Epoch: 2, Commit: true, CoordinatorEpoch: 4, Timestamp: 5}))
	f.Add(AppendMarker(nil, &Marker{Producer: 3, Timestamp: -1})[:MarkerSize-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Parse(b)
		if err != nil {
			return
		}
		m, ok, err := ReadMarker(b, &h)
		if !ok || err != nil {
			return
		}
		again := AppendMarker(nil, &m)
		h, err = Parse(again)
		if err != nil {
			t.Fatal(err)
		}
		if back, ok, err := ReadMarker(again, &h); !ok || err != nil || back != m {
			t.Errorf("%+v %v %v, was %+v", back, ok, err, m)
		}
	})
}
