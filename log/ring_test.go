package log

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// What comes into the ring while somebody waits for memory does not stay: the
// one who waits asked the ring before.
func TestRingYieldsToWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := span.NewPool(64 << 10)
		r := newRing(1 << 20)
		pool.OnPressure(r.shed)
		b, err := pool.Get(t.Context(), 40<<10)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan *span.Buffer)
		go func() {
			large, err := pool.Get(t.Context(), 60<<10)
			if err != nil {
				t.Error(err)
			}
			got <- large
		}()
		synctest.Wait()
		r.add([]ringItem{{at: 0, payload: b.B, buffer: b}})
		synctest.Wait()
		select {
		case large := <-got:
			large.Release()
		default:
			t.Errorf("the ring keeps %d bytes while somebody waits", r.size())
			r.clear()
			(<-got).Release()
		}
		next, err := pool.Get(t.Context(), 4<<10)
		if err != nil {
			t.Fatal(err)
		}
		r.add([]ringItem{{at: 1 << 20, payload: next.B, buffer: next}})
		if r.size() == 0 {
			t.Error("the ring keeps nothing although nobody waits")
		}
		r.clear()
	})
}

// Answers that have something already get no memory beyond the cold lane's
// budget; those that have nothing do.
func TestColdLaneBudget(t *testing.T) {
	disk := vfs.NewMem()
	file, err := disk.Create("f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("12345678"), segmentHeaderSize); err != nil {
		t.Fatal(err)
	}
	seg := &segment{file: file}
	seg.size.Store(segmentHeaderSize + 8)
	c := newTestLane()
	held, err := c.pool.Get(t.Context(), coldBytes)
	if err != nil {
		t.Fatal(err)
	}
	var out span.List
	if err := readAt(c, seg, 8, false, &out); !errors.Is(err, errBusy) || out.Len() != 0 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	if err := readAt(c, seg, 8, true, &out); err != nil || out.Len() != 8 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	out.Release()
	held.Release()
	if err := readAt(c, seg, 8, false, &out); err != nil || out.Len() != 8 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	out.Release()
}

// Where the kernel can send from the file, an answer goes on without memory.
func TestColdLaneSends(t *testing.T) {
	disk := vfs.OS{}
	file, err := disk.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, segmentHeaderSize+3*coldChunk/2)
	for i := range content {
		content[i] = byte(i % 251)
	}
	if _, err := file.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	seg := &segment{file: file}
	seg.refs.Store(1)
	seg.size.Store(int64(len(content)))
	c := newTestLane()
	held, err := c.pool.Get(t.Context(), coldBytes)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	before := c.pool.InUse()
	var out span.List
	n := len(content) - segmentHeaderSize
	if err := readAt(c, seg, n, false, &out); err != nil || out.Len() != n || c.pool.InUse() != before {
		t.Fatalf("%d bytes, %d in use, before %d; %v", out.Len(), c.pool.InUse(), before, err)
	}
	if err := c.warm(nil, seg.file, seg.offset(Position(n-5)), 6); !errors.Is(err, ErrCorrupt) {
		t.Errorf("behind the end of the file: %v", err)
	}
	seg.Release()
	var got bytes.Buffer
	if _, err := out.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), content[segmentHeaderSize:]) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	out.Release()
	if seg.refs.Load() != 0 {
		t.Error("the segment is still held")
	}
}

// newTestLane is a lane whose log knows no segments.
func newTestLane() *coldLane {
	none := newSegments(vfs.NewMem(), "/", segmentBytesMin)
	return newColdLane(newGate(clock.Real{}), func(logID) *segments { return none }, func() Position { return 0 })
}

// readAt has a lane read n bytes at the beginning of a segment, of what would
// be a batch of a partition.
func readAt(c *coldLane, seg *segment, n int, needed bool, out *span.List) error {
	p := &PartitionLog{log: &Log{cold: c}}
	whole := extent{place{}, n}
	return p.readRun(&run{seg: seg, extents: []extent{whole}, whole: whole}, nil, needed, out)
}

// Small reads share memory, which goes back when the last of them is done.
func TestColdLaneShares(t *testing.T) {
	c := newTestLane()
	const pieces = 10
	var pins []span.Pin
	var last []byte
	for i := range pieces {
		b, pin, err := c.memory(coldSmall/2, false)
		if err != nil {
			t.Fatal(err)
		}
		for k := range b {
			b[k] = byte(i)
		}
		if i > 0 && last[len(last)-1] != byte(i-1) {
			t.Fatalf("piece %d overwrites the one before", i)
		}
		last, pins = b, append(pins, pin)
	}
	if n := c.pool.InUse(); n != 2*coldChunk {
		t.Errorf("%d bytes are out for %d pieces; want two chunks", n, pieces)
	}
	for _, p := range pins[1:] {
		p.Release()
	}
	c.trim()
	if n := c.pool.InUse(); n != coldChunk {
		t.Errorf("%d bytes are out with one piece; want its chunk", n)
	}
	pins[0].Release()
	if n := c.pool.InUse(); n != 0 {
		t.Errorf("%d bytes are out at the end", n)
	}
}
