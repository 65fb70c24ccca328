package behaviour

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"reflect"
	"strconv"
	"strings"

	"github.com/cockroachdb/datadriven"
	"github.com/klauspost/compress/gzip"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Places in a record batch, from its first byte.
const (
	atLength = 8
	atMagic  = 16
	atCRC    = 17
	atBody   = 21 // The CRC counts from here.
)

// control is the attribute of batches that brokers write to end a transaction.
const control = 0x20

// buildBatch makes a record batch from lines "key=value", "=value" for no key,
// "key" for no value, and saves its bytes.
func (w *talk) buildBatch(d *datadriven.TestData) error {
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		FirstTimestamp: w.base,
	}
	num := func(key string, set func(int64)) error {
		text := option(d, key)
		if text == "" {
			return nil
		}
		if saved, ok := w.saved[strings.TrimPrefix(text, "$")]; ok && strings.HasPrefix(text, "$") {
			set(saved.Int())
			return nil
		}
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		set(n)
		return nil
	}
	base, step, count, delta := int64(0), int64(0), int64(0), int64(0)
	magic, break1 := int64(2), option(d, "break")
	for key, set := range map[string]func(int64){
		"producer": func(n int64) { b.ProducerID = n }, "epoch": func(n int64) { b.ProducerEpoch = int16(n) },
		"seq": func(n int64) { b.FirstSequence = int32(n) }, "attributes": func(n int64) { b.Attributes = int16(n) },
		"base": func(n int64) { base = n }, "leaderepoch": func(n int64) { b.PartitionLeaderEpoch = int32(n) },
		"time": func(n int64) { b.FirstTimestamp = w.base + n }, "rawtime": func(n int64) { b.FirstTimestamp = n },
		"step": func(n int64) { step = n }, "count": func(n int64) { count = n }, "delta": func(n int64) { delta = n },
		"magic": func(n int64) { magic = n },
	} {
		if err := num(key, set); err != nil {
			return err
		}
	}
	lines := strings.Split(strings.TrimSpace(d.Input), "\n")
	var records []byte
	for i, line := range lines {
		records = append(records, record(i, int64(i)*step, line)...)
	}
	b.FirstOffset, b.MaxTimestamp = base, b.FirstTimestamp+int64(len(lines)-1)*step
	b.LastOffsetDelta, b.NumRecords = int32(len(lines)-1)+int32(delta), int32(len(lines))+int32(count)
	if option(d, "codec") == "gzip" {
		b.Attributes |= 1
		var z bytes.Buffer
		gz := gzip.NewWriter(&z)
		if _, err := gz.Write(records); err != nil {
			return err
		}
		if err := gz.Close(); err != nil {
			return err
		}
		records = z.Bytes()
	}
	b.Records = records
	w.save(option(d, "name"), reflect.ValueOf(finish(b, byte(magic), break1)))
	return nil
}

// finish fills length and CRC, and breaks what is to be broken.
func finish(b kmsg.RecordBatch, magic byte, broken string) []byte {
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[atLength:], uint32(len(raw)-12))
	raw[atMagic] = magic
	binary.BigEndian.PutUint32(raw[atCRC:], crc32.Checksum(raw[atBody:], crc32.MakeTable(crc32.Castagnoli)))
	switch broken {
	case "crc":
		raw[atCRC] ^= 0xff
	case "longer":
		binary.BigEndian.PutUint32(raw[atLength:], uint32(len(raw)))
	case "shorter":
		binary.BigEndian.PutUint32(raw[atLength:], 20)
	case "negative":
		binary.BigEndian.PutUint32(raw[atLength:], 0xffffffff)
	case "cut":
		raw = raw[:len(raw)-5]
	case "head":
		raw = raw[:30]
	}
	return raw
}

// marker says what a control record is.
func marker(records []byte) string {
	var r kmsg.Record
	var key kmsg.ControlRecordKey
	if err := r.ReadFrom(records); err != nil {
		return fmt.Sprintf("unreadable: %v", err)
	}
	if err := key.ReadFrom(r.Key); err != nil {
		return fmt.Sprintf("unreadable key: %v", err)
	}
	var value kmsg.EndTxnMarker
	if err := value.ReadFrom(r.Value); err != nil {
		return fmt.Sprintf("unreadable value: %v", err)
	}
	return fmt.Sprintf("%v marker version %d, coordinator epoch %d, version %d", key.Type, key.Version, value.CoordinatorEpoch, value.Version)
}

func record(i int, timeDelta int64, line string) []byte {
	key, value, hasValue := strings.Cut(line, "=")
	body := append([]byte{0}, kbin.AppendVarlong(nil, timeDelta)...)
	body = kbin.AppendVarint(body, int32(i))
	if key == "" {
		body = kbin.AppendVarintBytes(body, nil)
	} else {
		body = kbin.AppendVarintBytes(body, []byte(key))
	}
	if hasValue {
		// xN makes a value of N bytes.
		if n, err := strconv.Atoi(strings.TrimPrefix(value, "x")); err == nil && strings.HasPrefix(value, "x") {
			value = strings.Repeat("x", n)
		}
		body = kbin.AppendVarintBytes(body, []byte(value))
	} else {
		body = kbin.AppendVarintBytes(body, nil)
	}
	body = kbin.AppendVarint(body, 0) // No headers.
	return append(kbin.AppendVarint(nil, int32(len(body))), body...)
}

// showBatches shows the whole batches of a Fetch answer; a cut one at the end
// is what Kafka leaves to the client to skip.
func (w *talk) showBatches(raw []byte, indent string) string {
	var out strings.Builder
	for len(raw) > atMagic {
		size := 12 + int(binary.BigEndian.Uint32(raw[atLength:]))
		if size > len(raw) {
			break
		}
		var b kmsg.RecordBatch
		if err := b.ReadFrom(raw[:size]); err != nil {
			fmt.Fprintf(&out, "%sunreadable: %v\n", indent, err)
			return out.String()
		}
		crc := "ok"
		if uint32(b.CRC) != crc32.Checksum(raw[atBody:size], crc32.MakeTable(crc32.Castagnoli)) {
			crc = "wrong"
		}
		producer := strconv.FormatInt(b.ProducerID, 10)
		if b.ProducerID >= 0 {
			producer = "<id>"
		}
		fmt.Fprintf(&out, "%soffsets %d to %d, epoch %s, attributes %#x, producer %s epoch %d sequence %d, time %s to %s, %d records, crc %s\n",
			indent, b.FirstOffset, b.FirstOffset+int64(b.LastOffsetDelta), w.epoch(b.PartitionLeaderEpoch), b.Attributes,
			producer, b.ProducerEpoch, b.FirstSequence, w.moment(b.FirstTimestamp), w.moment(b.MaxTimestamp), b.NumRecords, crc)
		if b.Attributes&control != 0 {
			fmt.Fprintf(&out, "%s  %s\n", indent, marker(b.Records))
		}
		raw = raw[size:]
	}
	return out.String()
}
