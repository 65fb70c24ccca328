package faults

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestDiskFull fills a small disk, by a producer and then by others, and sees
// that all but produce goes on, also after a kill, and that produce comes back
// by itself.
func TestDiskFull(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			if kind != "tmpfs" {
				testbroker.Quick(t)
			}
			newSmallDisk(t, kind, nil).run()
		})
	}
}

func (d *smallDisk) run() {
	t := d.t
	d.prepare()
	words := d.fill()
	t.Logf("produce is refused: %s", words)
	for _, part := range []string{"disk is full", "free, below the limit of", "(mainstem.disk.free.min.bytes)", "Free space", "delete topics", "by itself"} {
		if !strings.Contains(words, part) {
			t.Errorf("the refusal does not say %q: %s", part, words)
		}
	}
	if status, text := d.get("/readyz"); status != http.StatusOK || !strings.Contains(text, "[!] disk room: full: produce is refused since") {
		t.Errorf("readyz: %d %s", status, text)
	}
	d.metric("mainstem_disk_level", 2)
	// A real client waits for better times, also over the kill.
	waiting := make(chan error, 1)
	d.cl.Produce(d.ctx, keptRecord(keptRecords, 0), func(_ *kgo.Record, err error) { waiting <- err })
	d.goesOn("full")
	if _, err := d.admin.CreateTopic(d.ctx, 1, 1, nil, "created-while-full"); err != nil {
		t.Fatalf("create a topic while produce is refused: %v", err)
	}

	d.othersTakeAll()
	d.refusesGrowth("nothing free")
	// What is left is in blocks that are begun; then the ballast has to do.
	testbroker.Eventually(t, 30*time.Second, func() error {
		d.goesOn("nothing free")
		return d.told("the ballast gives")
	})
	d.metric("mainstem_disk_ballast_bytes", 0)
	for i := range 20 {
		d.goesOn(fmt.Sprintf("on the ballast, %d", i))
	}

	if err := d.broker.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := d.broker.Restart(); err != nil {
		t.Fatalf("start on a full disk: %v", err)
	}
	d.goesOn("restarted")
	d.refusesGrowth("restarted")
	if code, _ := d.produce("doomed"); code != kerr.KafkaStorageError.Code {
		t.Errorf("produce on a full disk is answered %d", code)
	}
	select {
	case err := <-waiting:
		t.Fatalf("the real client's record: %v", err)
	default:
	}

	if _, err := d.admin.DeleteTopic(d.ctx, "doomed"); err != nil {
		t.Fatalf("delete a topic: %v", err)
	}
	select {
	case err := <-waiting:
		if err != nil {
			t.Errorf("the record that waited: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("there is room, and produce does not come back")
	}
	testbroker.Eventually(t, 30*time.Second, func() error { return d.told("produce is taken again") })
	if err := os.Remove(filepath.Join(d.data, "others")); err != nil {
		t.Fatal(err)
	}
	testbroker.Eventually(t, time.Minute, func() error {
		_, text := d.get("/metrics")
		if !strings.Contains(text, "\nmainstem_disk_level 0\n") || strings.Contains(text, "\nmainstem_disk_ballast_bytes 0\n") {
			return errors.New("the disk is not as it was")
		}
		return nil
	})
	d.read(keptRecords + 1)
}

// prepare makes the topics, the records to be kept, and a batch.
func (d *smallDisk) prepare() {
	d.t.Helper()
	if _, err := d.admin.CreateTopics(d.ctx, 1, 1, nil, "kept", "doomed"); err != nil {
		d.t.Fatal(err)
	}
	var spares []string
	for i := range spareTopics {
		spares = append(spares, spare(i))
	}
	if _, err := d.admin.CreateTopics(d.ctx, 1, 1, nil, spares...); err != nil {
		d.t.Fatal(err)
	}
	for i := range int64(keptRecords) {
		d.must(keptRecord(i, 0))
	}
	other := d.client(kgo.DisableIdempotentWrite(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err := other.ProduceSync(d.ctx, &kgo.Record{Topic: "doomed", Value: make([]byte, batchValue)}).FirstErr(); err != nil {
		d.t.Fatal(err)
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.MaxWaitMillis, req.SessionEpoch = 1<<20, 5000, -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = 1 << 20
	topic := kmsg.FetchRequestTopic{Topic: "doomed", TopicID: d.topicID("doomed"), Partitions: []kmsg.FetchRequestTopicPartition{p}}
	req.Topics = []kmsg.FetchRequestTopic{topic}
	resp, err := req.RequestWith(d.ctx, d.cl)
	if err != nil {
		d.t.Fatal(err)
	}
	raw := resp.Topics[0].Partitions[0].RecordBatches
	if len(raw) < batchValue {
		d.t.Fatalf("%d bytes fetched, error %d", len(raw), resp.Topics[0].Partitions[0].ErrorCode)
	}
	d.batch = raw[:12+binary.BigEndian.Uint32(raw[8:])]
}

// spareTopics is how many topics there are to be altered and deleted while none
// can be created.
const spareTopics = 2000

func spare(i int) string { return fmt.Sprintf("spare-%d", i) }

// fill produces until that is refused, and returns in what words.
func (d *smallDisk) fill() (words string) {
	d.t.Helper()
	for n := 0; n < diskSize; n += batchValue {
		code, words := d.produce("doomed")
		if code == kerr.KafkaStorageError.Code {
			return words
		}
		if code != 0 {
			d.t.Fatalf("after %d bytes: %d %s", n, code, words)
		}
	}
	d.t.Fatal("the disk does not get full")
	return ""
}

// refusesGrowth sees that what is left is not given to what stays, and that this
// is said.
func (d *smallDisk) refusesGrowth(when string) {
	d.t.Helper()
	r, err := d.admin.CreateTopic(d.ctx, 1, 1, nil, "one-more")
	if !errors.Is(err, kerr.KafkaStorageError) {
		d.t.Fatalf("%s: create a topic: %v", when, err)
	}
	for _, part := range []string{"disk is full", "kept for deletions, commits and a start", "Free space", "delete topics", "by themselves"} {
		if !strings.Contains(r.ErrMessage, part) {
			d.t.Errorf("%s: the refusal does not say %q: %s", when, part, r.ErrMessage)
		}
	}
	if _, err := d.admin.UpdatePartitions(d.ctx, 9, "kept"); err != nil {
		d.t.Fatal(err)
	}
	if topics, err := d.admin.ListTopics(d.ctx, "kept"); err != nil || len(topics["kept"].Partitions) != 1 {
		d.t.Errorf("%s: %v, %v: partitions were added", when, topics, err)
	}
}

// goesOn uses all that a full disk must not stop.
func (d *smallDisk) goesOn(when string) {
	d.t.Helper()
	d.read(keptRecords)
	var offsets kadm.Offsets
	at := time.Now().UnixNano()
	offsets.Add(kadm.Offset{Topic: "kept", Partition: 0, At: at, LeaderEpoch: -1})
	if err := d.admin.CommitAllOffsets(d.ctx, "group", offsets); err != nil {
		d.t.Fatalf("%s: commit: %v", when, err)
	}
	if got, err := d.admin.FetchOffsets(d.ctx, "group"); err != nil || got["kept"][0].At != at {
		d.t.Fatalf("%s: committed %d, fetched %v, %v", when, at, got, err)
	}
	name := spare(int(d.deleted))
	alter := []kadm.AlterConfig{{Name: "retention.ms", Value: kadm.StringPtr("1000000")}}
	if r, err := d.admin.AlterTopicConfigs(d.ctx, alter, name); err != nil || r[0].Err != nil {
		d.t.Fatalf("%s: alter a topic: %v, %v", when, r, err)
	}
	if _, err := d.admin.DeleteTopic(d.ctx, name); err != nil {
		d.t.Fatalf("%s: delete a topic: %v", when, err)
	}
	d.deleted++
	before := kadm.Offsets{"doomed": {0: {Topic: "doomed", Partition: 0, At: d.deleted}}}
	if _, err := d.admin.DeleteRecords(d.ctx, before); err != nil {
		d.t.Fatalf("%s: delete records: %v", when, err)
	}
}
