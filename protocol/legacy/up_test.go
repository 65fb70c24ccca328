package legacy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

var roomy = Limits{Batch: 1 << 20, Records: 1 << 20}

func decompress(c batch.Codec, src []byte, limit int) (plain []byte, err error) {
	err = batch.Inflate(c, src, limit, func(r io.Reader) error {
		plain, err = io.ReadAll(r)
		return err
	})
	return plain, err
}

// TestUpRecorded: what the producers of Java made, with each codec. The program that
// made the file is in compat-tests/clients/old.
func TestUpRecorded(t *testing.T) {
	all := recorded(t, "producers.txt")
	if len(all) != 16 {
		t.Fatalf("%d sets", len(all))
	}
	for name, set := range all {
		before := bytes.Clone(set)
		out, err := Up(set, roomy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(set, before) {
			t.Errorf("%s: the set has changed", name)
		}
		h, got := recordsOf(t, out)
		if !strings.HasSuffix(name, " "+h.Codec().String()) {
			t.Errorf("%s: codec %s", name, h.Codec())
		}
		ts := []int64{0, 5, -7, 3, 0}
		for i := range ts {
			if ts[i] += 1_500_000_000_000; strings.Contains(name, "magic 0") {
				ts[i] = -1
			}
		}
		want := []told{
			{0, ts[0], "=k0", "=v0"},
			{1, ts[1], "null", "=v1"},
			{2, ts[2], "=k2", "null"},
			{3, ts[3], "=", "="},
			{4, ts[4], "=k4", "=" + string(make([]byte, 1000))},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
		if h.ProducerID != -1 || h.BaseSequence != -1 || h.BaseOffset != 0 || h.LogAppendTime() {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

// set makes a message set.
func set(messages ...message) (b []byte) {
	for i := range messages {
		b = messages[i].append(b)
	}
	return b
}

// wrapped is a compressed message that holds others.
func wrapped(tb testing.TB, c batch.Codec, magic int8, held []byte) message {
	tb.Helper()
	value, err := batch.Compress(nil, c, held)
	if err != nil {
		tb.Fatal(err)
	}
	if c == batch.LZ4 && magic == 0 {
		setOldChecksum(value)
	}
	return message{magic: magic, attributes: int8(c), timestamp: -1, value: value}
}

// changed is b with a byte of a message's fields changed, and its CRC right again.
func changed(b []byte, at int, to byte) []byte {
	b = bytes.Clone(b)
	b[at] = to
	seal(b)
	return b
}

func TestUpRefuses(t *testing.T) {
	one := message{magic: 1, timestamp: 5, key: []byte("k"), value: []byte("v")}
	zero := message{key: []byte("k"), value: []byte("v")}
	sound := set(one)
	held := func(b []byte) []byte { return set(wrapped(t, batch.Gzip, 1, b)) }
	null := one
	null.attributes, null.value = int8(batch.Gzip), nil
	noise := one
	noise.attributes, noise.value = int8(batch.Gzip), []byte("no gzip at all")
	zstd := one
	zstd.attributes = int8(batch.Zstd)
	damaged := bytes.Clone(sound)
	damaged[len(damaged)-1] ^= 1
	long := one
	long.value = make([]byte, 2000)
	for _, c := range []struct {
		name  string
		set   []byte
		err   error
		words string
	}{
		{"empty", nil, batch.ErrInvalid, "empty"},
		{"cut off in its prefix", sound[:11], batch.ErrTruncated, "message 0"},
		{"cut off", sound[:len(sound)-1], batch.ErrTruncated, "36 bytes, 35 are there"},
		{"the second is cut off", append(bytes.Clone(sound), sound[:20]...), batch.ErrTruncated, "message 1"},
		{"negative size", append(bytes.Clone(sound[:8]), bytes.Repeat([]byte{0xff}, 30)...), batch.ErrCorrupt, "size of a message is -1"},
		{"CRC", damaged, batch.ErrCorrupt, "CRC32"},
		{"magic 7", changed(sound, atMagic, 7), batch.ErrInvalid, "magic of a message is 7"},
		{"key beyond the end", changed(sound, atTimestamp+8+3, 200), batch.ErrInvalid, "key"},
		{"key of length -2", changed(changed(changed(changed(sound, 26, 255), 27, 255), 28, 255), 29, 254), batch.ErrInvalid, "key"},
		{"value too short", changed(sound, len(sound)-2, 0), batch.ErrInvalid, "value"},
		{"two magics", append(bytes.Clone(sound), set(zero)...), batch.ErrInvalid, "its magic is 0, that of the messages before is 1"},
		{"magic 1 too short for it", changed(set(message{}), atMagic, 1), batch.ErrInvalid, "key"},
		{"zstd", set(zstd), batch.ErrCodec, "number 4"},
		{"codec 7", changed(sound, atAttributes, 7), batch.ErrCodec, "number 7"},
		{"too long", set(long), batch.ErrTooLarge, "1000 allowed"},
		{"too many", bytes.Repeat(sound, 120), batch.ErrTooLarge, "1000 bytes"},
		{"wrapper of null", set(null), batch.ErrInvalid, "null"},
		{"wrapper of nothing", held(nil), batch.ErrInvalid, "there is none"},
		{"wrapper of noise", set(noise), batch.ErrCorrupt, "gzip"},
		{"inner is cut off", held(sound[:len(sound)-3]), batch.ErrInvalid, "inner message 0: record batch is invalid: it has 36 bytes, 33 are there"},
		{"inner prefix is cut off", held(append(bytes.Clone(sound), 0, 0, 0)), batch.ErrInvalid, "inner message 1"},
		{"inner size", held(changed(sound, 0, 0)[:8:8]), batch.ErrInvalid, "it ends after 8 bytes"},
		{"inner CRC", held(damaged), batch.ErrCorrupt, "inner message 0"},
		{"inner magic", held(set(zero)), batch.ErrInvalid, "its magic is 0, that of the message around it is 1"},
		{"wrapper in a wrapper", held(held(sound)), batch.ErrInvalid, "it is compressed (gzip)"},
		{"holds too much", held(set(message{magic: 1, value: make([]byte, 6000)})), batch.ErrTooLarge, "5000"},
		{"hold too much together", bytes.Repeat(held(set(message{magic: 1, value: make([]byte, 3000)})), 2), batch.ErrTooLarge, "5000"},
	} {
		out, err := Up(c.set, Limits{Batch: 1000, Records: 5000})
		if out != nil || !errors.Is(err, c.err) || !strings.Contains(fmt.Sprint(err), c.words) {
			t.Errorf("%s: %d bytes, %v; expected %v, with %q", c.name, len(out), err, c.err, c.words)
		}
	}
}

// TestUpTakesMixtures: plain messages and wrappers in one set are one batch, by the
// codec of the first wrapper; offsets do not count, a wrapper's append time does.
func TestUpTakesMixtures(t *testing.T) {
	stamped := wrapped(t, batch.Snappy, 1, set(
		message{offset: 77, magic: 1, timestamp: 1, value: []byte("b")},
		message{offset: 3, magic: 1, timestamp: 2, value: []byte("c")}))
	stamped.attributes |= logAppendTimeBit
	stamped.timestamp, stamped.offset = 99, -5
	out, err := Up(set(
		message{offset: 9, magic: 1, timestamp: 7, value: []byte("a")},
		stamped,
		wrapped(t, batch.LZ4, 1, set(message{magic: 1, timestamp: 4, value: []byte("d")})),
		message{magic: 1, timestamp: -1},
	), roomy)
	if err != nil {
		t.Fatal(err)
	}
	h, got := recordsOf(t, out)
	want := []told{{0, 7, "null", "=a"}, {1, 99, "null", "=b"}, {2, 99, "null", "=c"}, {3, 4, "null", "=d"}, {4, -1, "null", "null"}}
	if d := cmp.Diff(want, got); d != "" || h.Codec() != batch.Snappy {
		t.Errorf("%s (-want +got)\n%s", h.Codec(), d)
	}
}

// TestUpBomb: what a wrapper holds is not in memory at once.
func TestUpBomb(t *testing.T) {
	const size, messages = 32 << 20, 512
	var held []byte
	for range messages {
		held = (&message{magic: 1, value: make([]byte, size/messages)}).append(held)
	}
	for c := batch.Gzip; c <= batch.LZ4; c++ {
		bomb := set(wrapped(t, c, 1, held))
		up := func() {
			if _, err := Up(bomb, Limits{Batch: size, Records: 2 * size}); err != nil {
				t.Error(err)
			}
		}
		up() // the pools are filled
		if memory := took(up); memory > size/4 {
			t.Errorf("%s: %d bytes that hold %d took %d of memory", c, len(bomb), size, memory)
		}
	}
}

// FuzzUp: no panic, no more memory than comes in bytes, and what is taken is a batch
// that says what the messages say.
func FuzzUp(f *testing.F) {
	for _, b := range recorded(f, "producers.txt") {
		f.Add(b)
	}
	const limit = 1 << 20
	f.Fuzz(func(t *testing.T, data []byte) {
		// A fuzzer finds no CRCs.
		for rest := data; len(rest) > 0; {
			n, err := frame(rest)
			if err != nil {
				break
			}
			seal(rest[:n])
			rest = rest[n:]
		}
		before := bytes.Clone(data)
		var out []byte
		var err error
		memory := took(func() { out, err = Up(data, Limits{Batch: limit, Records: limit}) })
		if memory > 8*limit+64*len(data)+decoderBytes {
			t.Errorf("%d bytes took %d of memory", len(data), memory)
		}
		if !bytes.Equal(data, before) {
			t.Error("the set has changed")
		}
		if err != nil {
			return
		}
		h, got := recordsOf(t, out)
		if h.Codec() != batch.None || len(got) == 0 {
			return
		}
		for i, m := range messagesOf(t, data) {
			if m.Offset = int64(i); m != got[i] {
				t.Errorf("record %d is %v, the message %v", i, got[i], m)
			}
		}
	})
}

// decoderBytes is what a new decoder takes, at most.
const decoderBytes = 9 << 20

func TestXXH32(t *testing.T) {
	// Of the hash's own description, and of a frame's header by the tool lz4.
	for in, want := range map[string]uint32{"": 0x02CC5D05, "a": 0x550D7456, "abc": 0x32D153FF, "\x60\x40": 0x8228} {
		got := xxh32([]byte(in))
		if len(in) == 2 {
			got = got >> 8 & 0xff
			want = 0x82
		}
		if got != want {
			t.Errorf("%q: %#x, expected %#x", in, got, want)
		}
	}
	frame := binary.LittleEndian.AppendUint32(nil, lz4Magic)
	frame = append(frame, 0x68, 0x40, 1, 0, 0, 0, 0, 0, 0, 0, 0xee)
	if at := lz4ChecksumAt(frame); at != 14 {
		t.Errorf("behind a content size: %d", at)
	}
	for _, no := range [][]byte{nil, frame[:6], frame[:14], []byte("abcdefg")} {
		if at := lz4ChecksumAt(no); at != 0 {
			t.Errorf("%x: %d", no, at)
		}
	}
}
