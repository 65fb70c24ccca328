package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// keptFilling pads a record of the topic that is kept.
const keptFilling = "kept"

// keptRecord is the record of the topic "kept" at an offset: its value is the
// offset, padded to a size; 0 or batchValue.
func keptRecord(offset int64, size int) *kgo.Record {
	value := fmt.Append(nil, offset)
	if size > len(value) {
		value = append(value, bytes.Repeat([]byte(keptFilling), size/len(keptFilling))...)[:size]
	}
	return &kgo.Record{Topic: "kept", Value: value}
}

// isKept tells whether a record that was read is the one that was produced.
func isKept(r *kgo.Record) bool {
	return bytes.Equal(r.Value, keptRecord(r.Offset, 0).Value) || bytes.Equal(r.Value, keptRecord(r.Offset, batchValue).Value)
}

// must produces a record, and waits for the answer.
func (d *smallDisk) must(r *kgo.Record) {
	d.t.Helper()
	if err := d.cl.ProduceSync(d.ctx, r).FirstErr(); err != nil {
		d.t.Fatal(err)
	}
}

// read reads so many records from the start of the topic that is kept.
func (d *smallDisk) read(n int64) {
	d.t.Helper()
	cl := d.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"kept": {0: kgo.NewOffset().AtStart()}}))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	for got := int64(0); got < n; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			d.t.Fatalf("read, after %d of %d records: %v", got, n, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			if r.Offset != got || !isKept(r) {
				d.t.Fatalf("where offset %d is due: offset %d, %.40q", got, r.Offset, r.Value)
			}
			got++
		})
	}
}

// serves sees that a fetch of an offset of the topic that is kept is answered
// with the record at another, which is the same one unless that is lost.
func (d *smallDisk) serves(offset, next int64) {
	d.t.Helper()
	got := d.fetchKept(offset)
	if got.Err != nil || len(got.Records) == 0 {
		d.t.Errorf("a fetch of offset %d is answered with %d records, %v", offset, len(got.Records), got.Err)
	} else if r := got.Records[0]; r.Offset != next || !isKept(r) {
		d.t.Errorf("a fetch of offset %d is answered with offset %d, %.40q; want %d", offset, r.Offset, r.Value, next)
	}
}

// fetchKept asks for one batch at an offset of the topic that is kept.
func (d *smallDisk) fetchKept(offset int64) kgo.FetchPartition {
	d.t.Helper()
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.MaxWaitMillis, req.SessionEpoch = 1, 100, -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes, p.FetchOffset = 1, offset
	req.Topics = []kmsg.FetchRequestTopic{{Topic: "kept", TopicID: d.topicID("kept"), Partitions: []kmsg.FetchRequestTopicPartition{p}}}
	resp, err := req.RequestWith(d.ctx, d.cl)
	if err != nil {
		d.t.Fatal(err)
	}
	got, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: offset, Topic: "kept"},
		&resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
	return got
}

// endOfKept is where the topic that is kept ends.
func (d *smallDisk) endOfKept() int64 {
	d.t.Helper()
	ends, err := d.admin.ListEndOffsets(d.ctx, "kept")
	if err := errors.Join(err, ends.Error()); err != nil {
		d.t.Fatal(err)
	}
	return ends["kept"][0].Offset
}
