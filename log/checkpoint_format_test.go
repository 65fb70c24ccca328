package log

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func exampleCheckpoint() *checkpoint {
	return &checkpoint{
		Generation: 7,
		Position:   1 << 40,
		Synced:     1<<40 + 5,
		Previous:   lastEntry{Identity: entryIdentity{Partition: 3, Kind: KindBatches, BaseOffset: 1 << 33, LastDelta: 7}, Size: 160},
		Segments: []checkpointSegment{
			{First: 0, Generation: 1, LiveBytes: 12, HeldBytes: 99, Salt: 77},
			{First: 256 << 20, Generation: 2, LiveBytes: -1, Salt: 78},
		},
		Cold:    []checkpointSegment{{First: 4096, Generation: 1, LiveBytes: 5, Salt: 79, Log: 3}},
		ColdEnd: 1 << 30,
		Indexes: []checkpointIndex{{ID: 3, Bytes: 4096, Level: 2, DirectoryCRC: 9}, {ID: 5, Bytes: 128, DirectoryCRC: 10}, {ID: 6, Bytes: 1}},
		Damage:  []checkpointDamage{{PositionRange: PositionRange{5, 9}, MaxPartition: 12}},
	}
}

// sealed puts the right CRC behind a changed body.
func sealed(b []byte) []byte {
	b = bytes.Clone(b)
	binary.LittleEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], castagnoli))
	return b
}

func TestCheckpointRoundTrip(t *testing.T) {
	t.Parallel()
	empty := &checkpoint{Indexes: []checkpointIndex{}, Damage: []checkpointDamage{}}
	for _, want := range []*checkpoint{exampleCheckpoint(), empty} {
		got, err := decodeCheckpoint(want.encode())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v: -want +got\n%s", err, diff)
		}
	}
}

func TestCheckpointDamageIsSeen(t *testing.T) {
	t.Parallel()
	b := exampleCheckpoint().encode()
	for i := range len(b) * 8 {
		b[i/8] ^= 1 << (i % 8)
		if _, err := decodeCheckpoint(b); !errors.Is(err, errCheckpoint) {
			t.Fatalf("bit %d flipped: %v", i, err)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	for n := range b {
		if _, err := decodeCheckpoint(b[:n]); !errors.Is(err, errCheckpoint) {
			t.Fatalf("cut to %d: %v", n, err)
		}
	}
	newer := bytes.Clone(b)
	newer[8]++
	if _, err := decodeCheckpoint(sealed(newer)); !errors.Is(err, errCheckpointVersion) {
		t.Errorf("newer version: %v", err)
	}
	ahead := exampleCheckpoint()
	ahead.Position = ahead.Synced + 1
	if _, err := decodeCheckpoint(ahead.encode()); !errors.Is(err, errCheckpoint) {
		t.Errorf("a Position that is not durable: %v", err)
	}
}

func TestCheckpointName(t *testing.T) {
	t.Parallel()
	for _, generation := range []uint64{0, 1, 0xabc, 1<<64 - 1} {
		if got, ok := parseCheckpointName(checkpointName(generation)); !ok || got != generation {
			t.Errorf("generation %d: %d, %v", generation, got, ok)
		}
	}
	for _, name := range []string{"", "checkpoint-", "checkpoint-1", "checkpoint-00000000000000zz", "checkpoint-0000000000000ABC", "x"} {
		if _, ok := parseCheckpointName(name); ok {
			t.Errorf("%q was taken for a checkpoint", name)
		}
	}
}

func TestStartMark(t *testing.T) {
	t.Parallel()
	for _, want := range []startMark{{}, {Clean: true}, {Clean: true, UncleanStarts: 1<<32 - 1, End: 1 << 40}} {
		b := want.encode()
		if got, err := decodeStartMark(b); err != nil || got != want {
			t.Errorf("%+v: %+v, %v", want, got, err)
		}
		for i := range len(b) * 8 {
			b[i/8] ^= 1 << (i % 8)
			if _, err := decodeStartMark(b); !errors.Is(err, errStartMark) {
				t.Fatalf("bit %d flipped: %v", i, err)
			}
			b[i/8] ^= 1 << (i % 8)
		}
	}
	// What other versions wrote is not damage, whatever its length.
	for _, n := range []int{0, 20} {
		b := append(startMark{}.encode(), make([]byte, n)...)
		b[8]++
		if _, err := decodeStartMark(sealed(b)); !errors.Is(err, errStartMarkVersion) {
			t.Errorf("newer version: %v", err)
		}
	}
	if _, err := decodeStartMark(nil); !errors.Is(err, errStartMark) {
		t.Errorf("no bytes: %v", err)
	}
}

// FuzzDecodeCheckpoint mends the CRC, or no input would get behind it.
func FuzzDecodeCheckpoint(f *testing.F) {
	f.Add(exampleCheckpoint().encode())
	f.Add((&checkpoint{}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 {
			return
		}
		b = sealed(b)
		c, err := decodeCheckpoint(b)
		if err != nil {
			return
		}
		if n := len(c.Segments) + len(c.Indexes) + len(c.Damage); n > len(b)/checkpointIdxSize {
			t.Errorf("%d elements in %d bytes", n, len(b))
		}
		again, err := decodeCheckpoint(c.encode())
		if diff := cmp.Diff(c, again); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
