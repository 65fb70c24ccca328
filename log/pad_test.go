package log

import (
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// Where groups are padded each begins on a fresh block, also behind a sync mark.
func TestPaddedGroupsShareNoBlock(t *testing.T) {
	f := newFixture(t, Config{PadGroups: true, SegmentBytes: 256 << 10})
	f.close()
	manual := clock.NewManual(time.UnixMilli(1_700_000_000_000))
	env := f.disk.env()
	env.Clock = manual
	f.log, _ = mustOpen(t, f.cfg, env)
	for range 5 {
		f.append(300, 1)
		for marked := false; !marked; {
			manual.Advance(2 * markDelay)
			if err := f.log.keeper.inWriter(func() { marked = f.log.writer.previous.Kind == KindSyncMark }); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.close()
	marks := 0
	for _, h := range f.entries() {
		switch off := f.chain().find(h.Position).offset(h.Position); h.Kind {
		case KindSyncMark:
			marks++
			fallthrough
		case KindBatches:
			if off%padBlock != 0 {
				t.Errorf("a group begins at %d of its file: a %v entry", off, h.Kind)
			}
		case KindTruncate, KindLogStart, KindPartitionState, KindPad, KindRelocated, KindCleaned, KindCleanedTo:
		}
	}
	if marks != 5 {
		t.Errorf("%d sync marks, want 5", marks)
	}
}
