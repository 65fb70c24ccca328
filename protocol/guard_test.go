package protocol

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// guard is Measure's verdict.
func guard(key Key, version int16, body []byte) error {
	_, err := Measure(key, version, body)
	return err
}

// eachVersion runs do for every key and version that has a layout.
func eachVersion(do func(key Key, version int16)) {
	for k := range keyInfos {
		r, ok := Decodable(Key(k))
		if !ok {
			continue
		}
		for v := r.Min; v <= r.Max; v++ {
			do(Key(k), v)
		}
	}
}

func TestDecodableKeys(t *testing.T) {
	want := []Key{0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 32, 33, 35, 37, 42, 43, 44, 45, 46, 47, 48, 49, 50, 55, 57, 60, 61, 64, 65, 66, 68, 69, 71, 72, 74, 75}
	var got []Key
	for k := range keyInfos {
		if _, ok := Decodable(Key(k)); ok {
			got = append(got, Key(k))
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("layouts exist for %v, want %v", got, want)
	}
	for _, key := range got {
		r, _ := Decodable(key)
		for v := r.Min; v <= r.Max; v++ {
			req := kmsg.RequestForKey(int16(key))
			if req.SetVersion(v); req.IsFlexible() != key.Flexible(v) || req.MaxVersion() < v {
				t.Errorf("%s v%d: flexible is %v, kmsg says %v, up to v%d",
					key, v, key.Flexible(v), req.IsFlexible(), req.MaxVersion())
			}
		}
	}
}

// walk is guard, telling also how many bytes are left behind the body, and how
// much memory the guard reckons with.
func walk(key Key, version int16, body []byte) (ok bool, rest, memory int) {
	layout, ok := layoutOf(key, version)
	if !ok {
		return false, len(body), 0
	}
	limit := decodedLimit(len(body))
	w := walker{reader: reader{src: body}, flexible: key.Flexible(version), budget: limit - costRequest}
	return w.structure(layout), len(w.src), limit - w.budget
}

// took is how much memory do allocates. If that is more than enough it tries
// again, as others may allocate meanwhile.
func took(enough int, do func()) int {
	least := math.MaxInt
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		if least = min(least, int(after.TotalAlloc-before.TotalAlloc)); least <= enough {
			break
		}
	}
	return least
}

func TestGuardAcceptsWhatKmsgEncodes(t *testing.T) {
	eachVersion(func(key Key, version int16) {
		f := filler{Rand: rand.New(rand.NewPCG(uint64(key), uint64(version))), elements: 3, unknown: true}
		for range 200 {
			_, body := f.request(key, version)
			if ok, rest, _ := walk(key, version, body); !ok || rest != 0 {
				t.Fatalf("%s v%d: %v, %d bytes left of %d: %v", key, version, ok, rest, len(body), guard(key, version, body))
			}
			if err := guard(key, version, append(body, 1, 2, 3)); err != nil {
				t.Fatalf("%s v%d with bytes behind it: %v", key, version, err)
			}
		}
	})
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	eachVersion(func(key Key, version int16) {
		f := filler{Rand: rand.New(rand.NewPCG(uint64(key), uint64(version))), elements: 3}
		for range 20 {
			_, body := f.request(key, version)
			got, err := Decode(key, version, body)
			if err != nil {
				t.Fatalf("%s v%d: %v", key, version, err)
			}
			if again := got.AppendTo(nil); string(again) != string(body) {
				t.Fatalf("%s v%d: decoded and encoded again it differs:\n%x\n%x", key, version, body, again)
			}
		}
	})
}

// TestGuardRefusesCutBodies cuts real requests everywhere: what is missing
// must be noticed by the guard, not by kmsg.
func TestGuardRefusesCutBodies(t *testing.T) {
	eachVersion(func(key Key, version int16) {
		f := filler{Rand: rand.New(rand.NewPCG(1, uint64(key))), elements: 3, unknown: true}
		_, body := f.request(key, version)
		for n := range len(body) {
			if err := guard(key, version, body[:n]); CodeOf(err) != InvalidRequest {
				t.Fatalf("%s v%d cut to %d of %d bytes: %v", key, version, n, len(body), err)
			}
		}
	})
}

// TestGuardAgainstHugeLengths writes a huge number over every place of real
// requests. Where that place is a length the guard must refuse it; where it is
// not, kmsg must decode what passed, in the memory reckoned with.
func TestGuardAgainstHugeLengths(t *testing.T) {
	eachVersion(func(key Key, version int16) {
		huge := []byte{0x7f, 0xff, 0xff, 0xff}
		if key.Flexible(version) {
			huge = []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
		}
		f := filler{Rand: rand.New(rand.NewPCG(8, uint64(key))), elements: 2, unknown: true}
		_, body := f.request(key, version)
		for at := range len(body) - len(huge) {
			b := bytes.Clone(body)
			copy(b[at:], huge)
			ok, _, reckoned := walk(key, version, b)
			if !ok {
				continue
			}
			var err error
			memory := took(memoryFactor*reckoned, func() { _, err = Decode(key, version, b) })
			if err != nil || memory > memoryFactor*reckoned {
				t.Fatalf("%s v%d, byte %d: %v; took %d of memory, reckoned with %d", key, version, at, err, memory, reckoned)
			}
		}
	})
}

func TestGuardRefusesClaims(t *testing.T) {
	huge32 := []byte{0x7f, 0xff, 0xff, 0xff}
	hugeVarint := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	join := func(parts ...[]byte) []byte { return []byte(strings.Join(asStrings(parts), "")) }
	for _, c := range []struct {
		name    string
		key     Key
		version int16
		body    []byte
		says    string
	}{
		{"two thousand million topics", KeyMetadata, 0, huge32, "Topics has more elements"},
		{"the same, compact", KeyMetadata, 12, hugeVarint, "Topics has more elements"},
		{"as many topics as bytes follow, not elements", KeyMetadata, 0, join([]byte{0, 0, 0, 4}, make([]byte, 4)), "Topics has more elements"},
		{"null where null is not known", KeyMetadata, 0, []byte{0xff, 0xff, 0xff, 0xff}, "Topics may not be null"},
		{"a name beyond the end", KeyMetadata, 0, []byte{0, 0, 0, 1, 0x7f, 0xff, 'a'}, "Name is longer"},
		{"four thousand million tagged fields", KeyListGroups, 3, hugeVarint, "tagged fields are more"},
		{"a varint of six bytes", KeyListGroups, 4, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, "StatesFilter is cut off"},
		{"a known tagged field of the wrong size", KeyFetch, 12, join(make([]byte, 25), []byte{1, 1, 1, 1, 0, 2, 0, 0}), "ClusterId has another size"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := guard(c.key, c.version, c.body)
			if CodeOf(err) != InvalidRequest || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want INVALID_REQUEST that says %q", err, c.says)
			}
		})
	}
}

func asStrings(parts [][]byte) []string {
	s := make([]string, len(parts))
	for i, p := range parts {
		s[i] = string(p)
	}
	return s
}

// TestGuardBoundsMemory: tagged fields that nobody knows cost kmsg a map each,
// hundreds of bytes for three.
func TestGuardBoundsMemory(t *testing.T) {
	const topics = 100_000
	body := binary.AppendUvarint(nil, topics+1)
	for range topics {
		body = append(body, 2, 'a', 1, 100, 0) // a name of one letter, one tagged field
	}
	body = append(body, 0, 0, 0)
	err := guard(KeyMetadata, 9, body)
	if CodeOf(err) != InvalidRequest || !strings.Contains(err.Error(), "too much memory") {
		t.Errorf("got %v", err)
	}
}

// TestReckonedMemory: what the guard reckons with is what kmsg takes, or more.
func TestReckonedMemory(t *testing.T) {
	eachVersion(func(key Key, version int16) {
		for _, unknown := range []bool{false, true} {
			f := filler{Rand: rand.New(rand.NewPCG(6, uint64(key))), elements: 12, unknown: unknown}
			for range 20 {
				_, body := f.request(key, version)
				_, _, reckoned := walk(key, version, body)
				memory := took(memoryFactor*reckoned, func() {
					if _, err := Decode(key, version, body); err != nil {
						t.Error(err)
					}
				})
				if memory > memoryFactor*reckoned {
					t.Fatalf("%s v%d: %d bytes took %d of memory, reckoned with %d", key, version, len(body), memory, reckoned)
				}
			}
		}
	})
}

func TestDecodeRefusesUnknownVersions(t *testing.T) {
	for _, c := range []struct {
		key     Key
		version int16
	}{{KeyProduce, 14}, {KeyProduce, -1}, {KeyShareFetch, 0}, {-1, 0}, {999, 0}} {
		req, err := Decode(c.key, c.version, make([]byte, 100))
		if req != nil || CodeOf(err) != UnsupportedVersion {
			t.Errorf("%s v%d: %v", c.key, c.version, err)
		}
	}
}

func TestGuardAllocatesNothing(t *testing.T) {
	for _, version := range []int16{4, 18} {
		f := filler{Rand: rand.New(rand.NewPCG(3, 4)), elements: 10}
		_, body := f.request(KeyFetch, version)
		if n := testing.AllocsPerRun(100, func() {
			if err := guard(KeyFetch, version, body); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("v%d: %v allocations", version, n)
		}
	}
}

func TestProduceRecordsAreNotCopied(t *testing.T) {
	for version := int16(3); version <= 13; version++ {
		req := kmsg.NewPtrProduceRequest()
		req.SetVersion(version)
		req.Topics = []kmsg.ProduceRequestTopic{{
			Topic: "t", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: []byte("the records")}},
		}}
		body := req.AppendTo(nil)
		got, err := Decode(KeyProduce, version, body)
		if err != nil {
			t.Fatal(err)
		}
		records := got.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records
		at := strings.Index(string(body), "the records")
		if &records[0] != &body[at] {
			t.Errorf("v%d: the records were copied", version)
		}
	}
}

// FuzzDecode: what the guard lets through, kmsg decodes, and takes no more
// memory than the guard allows.
func FuzzDecode(f *testing.F) {
	eachVersion(func(key Key, version int16) {
		fill := filler{Rand: rand.New(rand.NewPCG(5, uint64(key))), elements: 2, unknown: true}
		_, body := fill.request(key, version)
		f.Add(int16(key), version, body)
	})
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		if guard(Key(key), version, body) != nil {
			return
		}
		_, _, reckoned := walk(Key(key), version, body)
		var err error
		// The runtime and the fuzzer take some on the side.
		const noise = 64 << 10
		memory := took(memoryFactor*reckoned+noise, func() { _, err = Decode(Key(key), version, body) })
		if err != nil {
			t.Fatalf("%s v%d: the guard accepted, but: %v", Key(key), version, err)
		}
		if memory > memoryFactor*reckoned+noise {
			t.Fatalf("%s v%d: %d bytes took %d of memory, reckoned with %d", Key(key), version, len(body), memory, reckoned)
		}
	})
}

func BenchmarkGuardFetch(b *testing.B) {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12)
	req.Topics = make([]kmsg.FetchRequestTopic, 100)
	for i := range req.Topics {
		req.Topics[i].Topic = "a-topic-name"
		req.Topics[i].Partitions = make([]kmsg.FetchRequestTopicPartition, 100)
	}
	body := req.AppendTo(nil)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := guard(KeyFetch, 12, body); err != nil {
			b.Fatal(err)
		}
	}
}
