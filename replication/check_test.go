package replication

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Places in a batch that the tests below lie about.
const (
	atLength     = 8
	atMagic      = 16
	atCRC        = 17
	atAttributes = 21
)

// sealed gives a batch the CRC that its bytes have.
func sealed(b []byte) []byte {
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// TestRefusedBatches: what a batch's bytes say wrong has Kafka's code, and
// takes no offset.
func TestRefusedBatches(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
		code   protocol.ErrorCode
	}{
		{"of format 0", func(b []byte) []byte { b[atMagic] = 0; return b }, protocol.InvalidRecord},
		{"of format 1", func(b []byte) []byte { b[atMagic] = 1; return b }, protocol.InvalidRecord},
		{"of format 3", func(b []byte) []byte { b[atMagic] = 3; return b }, protocol.CorruptMessage},
		{"damaged", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, protocol.CorruptMessage},
		{"cut", func(b []byte) []byte { return b[:len(b)-1] }, protocol.InvalidRecord},
		{"cut in the header", func(b []byte) []byte { return b[:30] }, protocol.InvalidRecord},
		{"too short a length", func(b []byte) []byte { b[atLength+3] = 20; return b }, protocol.CorruptMessage},
		{"negative length", func(b []byte) []byte { b[atLength] = 0xff; return b }, protocol.CorruptMessage},
		{"control", func(b []byte) []byte { b[atAttributes+1] = 0x20; return sealed(b) }, protocol.InvalidRecord},
		{
			"transactional", func(b []byte) []byte { b[atAttributes+1] = 0x10; return sealed(b) },
			protocol.TransactionalIDAuthorizationFailed,
		},
		{"transactional by damage", func(b []byte) []byte { b[atAttributes+1] = 0x10; return b }, protocol.CorruptMessage},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				p := w.part(0)
				var a answers
				w.append(p, c.change(w.records(builder(), 2)), &a)
				w.settle()
				a.wantCode(t, c.name, c.code)
				wantOffsets(t, c.name, p, 0, 0, 0)
			})
		})
	}
}

// TestClaimedAppendTime: a client that says the broker set the times is not
// believed, and its batch is stored whole.
func TestClaimedAppendTime(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		var a answers
		b := w.records(builder(), 2)
		b[atAttributes+1] |= 8
		w.append(p, sealed(b), &a)
		w.settle()
		a.want(t, "a claim", 0)
		if got := a.all()[0].LogAppendTime; got != -1 {
			t.Errorf("append time %d of a topic that has none", got)
		}
		var out span.List
		defer out.Release()
		if res := p.Read(ReadRequest{MaxBytes: 1 << 20, CurrentEpoch: -1, LastFetchedEpoch: -1}, &out); res.Err != nil {
			t.Fatal(res.Err)
		}
		var buf bytes.Buffer
		if _, err := out.WriteTo(&buf); err != nil {
			t.Fatal(err)
		}
		h, err := batch.Parse(buf.Bytes())
		if err != nil || h.LogAppendTime() || h.MaxTimestamp != begin {
			t.Fatalf("stored is %+v, %v", h, err)
		}
		if err := batch.Verify(buf.Bytes(), &h); err != nil {
			t.Error(err)
		}
	})
}
