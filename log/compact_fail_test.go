package log

import (
	"errors"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// sideNeighbours is a log with two partitions of one bucket, 8 batches of the
// first in a side segment that still grows, and 40 of the second that no
// compaction has seen.
func sideNeighbours(t *testing.T) (*fixture, *vfs.Mem, *vfs.Fault) {
	t.Helper()
	f := newFixture(t, relocating())
	mem, fault := f.openFaulty()
	for range 9 {
		f.append(300, 1)
	}
	for range 41 {
		f.append(3000, 9)
	}
	if sideLog(1) != sideLog(9) {
		t.Fatal("in two buckets")
	}
	f.compact(1, noOffset, func(_, _ model.Offset) cleaned { return keepAll })
	f.checkpoint()
	return f, mem, fault
}

// stubbornCleaner keeps all, and fails at a batch.
type stubbornCleaner struct {
	pickCleaner

	at  model.Offset
	do  func() // instead of failing
	err error
}

func (c *stubbornCleaner) Clean(b []byte) ([]byte, error) {
	kept, err := c.pickCleaner.Clean(b)
	if len(c.learnt) > 0 && c.learnt[0] >= c.at {
		if c.do != nil {
			c.do()
			c.do = nil
			return kept, err
		}
		return nil, c.err
	}
	c.learnt = c.learnt[1:]
	return kept, err
}

var errStubborn = errors.New("stubborn")

// Of a compaction that failed nothing is left on the disk, whatever it failed
// of, and what stood in its segment before is there.
func TestFailedCompactionGivesItsRoomBack(t *testing.T) {
	all := pickCleaner{keep: func(_, _ model.Offset) cleaned { return keepAll }}
	for name, c := range map[string]struct {
		cleaner func(f *fixture, stop chan struct{}) *stubbornCleaner
		disk    func(op vfs.Op) error
		want    error
	}{
		"the cleaner fails": {
			cleaner: func(*fixture, chan struct{}) *stubbornCleaner {
				return &stubbornCleaner{pickCleaner: all, at: 90, err: errStubborn}
			},
			want: errStubborn,
		},
		"stopped": {
			cleaner: func(_ *fixture, stop chan struct{}) *stubbornCleaner {
				return &stubbornCleaner{pickCleaner: all, at: 90, do: func() { close(stop) }}
			},
			want: ErrStopped,
		},
		"truncated": {
			cleaner: func(f *fixture, _ chan struct{}) *stubbornCleaner {
				return &stubbornCleaner{pickCleaner: all, at: 90, do: func() {
					p := f.log.Partition(9)
					if err := f.control(9, KindTruncate, p.End()-3, p.lastEpoch()+1); err != nil {
						t.Error(err)
					}
				}}
			},
			want: ErrOvertaken,
		},
		"a write fails": {
			cleaner: func(*fixture, chan struct{}) *stubbornCleaner {
				return &stubbornCleaner{pickCleaner: all, at: noOffset}
			},
			disk: func(op vfs.Op) error {
				if op.Is(vfs.KindWrite) && op.Bytes > 20_000 {
					return vfs.ErrIO
				}
				return nil
			},
			want: vfs.ErrIO,
		},
		"the index file can not be written": {
			cleaner: func(*fixture, chan struct{}) *stubbornCleaner {
				return &stubbornCleaner{pickCleaner: all, at: noOffset}
			},
			disk: func(op vfs.Op) error {
				if op.Is(vfs.KindWrite) && strings.Contains(op.Name, indexSuffix) {
					return vfs.ErrIO
				}
				return nil
			},
			want: vfs.ErrIO,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, mem, fault := sideNeighbours(t)
			before := f.sideBytes()
			for range 2 { // each would leave as much
				stop := make(chan struct{})
				fault.SetHook(c.disk)
				_, err := f.log.Partition(9).Compact(noOffset, c.cleaner(f, stop), Pace{Stop: stop})
				fault.SetHook(nil)
				if !errors.Is(err, c.want) {
					t.Fatalf("%v, want %v", err, c.want)
				}
				if _, _, err := f.log.Reclaim(); err != nil {
					t.Fatal(err)
				}
				if after := f.sideBytes(); after > before+segmentHeaderSize {
					t.Errorf("%d bytes in side segments, there were %d", after, before)
				}
				for _, seg := range f.log.coldLog.segments.all() {
					if seg.live.Load() != seg.held.Load() {
						t.Errorf("segment %s holds %d bytes, %d of them live", seg.name, seg.held.Load(), seg.live.Load())
					}
				}
			}
			f.close()
			f.disk.fs = mem
			f.open()
			if got, err := offsetsFrom(t, f.log.Partition(1), 0); err != nil || len(got) != 9 {
				t.Errorf("the other partition: %v, %v", got, err)
			}
			if name != "truncated" {
				f.compact(9, noOffset, func(_, _ model.Offset) cleaned { return keepAll })
				f.everyStart()
			}
			f.close()
		})
	}
}

// sideBytes is how much of the disk side segments take.
func (f *fixture) sideBytes() (n int64) {
	f.t.Helper()
	for _, seg := range f.log.coldLog.segments.all() {
		if seg.Log.isSide() {
			n += seg.taken()
		}
	}
	return n
}
