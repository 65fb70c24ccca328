package replication

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// TestClaimedAppendTime: a client that says the broker set the times of its
// records is not believed, and its batch is stored with a CRC that holds.
func TestClaimedAppendTime(t *testing.T) {
	inWorld(t, func(w *world) {
		const atCRC, atAttributes = 17, 21
		p := w.part(0)
		var a answers
		b := w.records(builder(), 2)
		b[atAttributes+1] |= 8
		binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], crc32.MakeTable(crc32.Castagnoli)))
		w.append(p, b, &a)
		w.settle()
		a.want(t, "a claim", 0)
		if got := a.all()[0].LogAppendTime; got != -1 {
			t.Errorf("append time %d of a topic that has none", got)
		}
		if h := storedHeader(t, p); h.LogAppendTime() || h.MaxTimestamp != begin {
			t.Errorf("stored is %+v", h)
		}
	})
}
