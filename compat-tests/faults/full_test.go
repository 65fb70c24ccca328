package hostile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestDiskFull fills a small disk, by a producer and then by others, and sees
// that all but produce goes on, also after a kill, and that produce comes back
// by itself.
func TestDiskFull(t *testing.T) {
	target, err := harness.ParseTarget(os.Getenv("TARGET"))
	if err != nil {
		t.Fatal(err)
	}
	if target != harness.Mainstem {
		t.Skip("Apache Kafka ends when its disk is full")
	}
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			if kind != "tmpfs" {
				testbroker.Quick(t)
			}
			newFullDisk(t, kind).run()
		})
	}
}

// fullDisk is a broker on a disk of 96 MiB of its own, and its clients.
type fullDisk struct {
	t      *testing.T
	ctx    context.Context
	broker harness.Broker
	data   string // where the disk is mounted
	cl     *kgo.Client
	admin  *kadm.Client
	batch  []byte // as a producer would send it
	// deleted are the records of the doomed topic that were.
	deleted int64
}

const (
	diskSize     = 96 << 20
	segmentBytes = 4 << 20
	batchValue   = 60 << 10
	keptRecords  = 100
)

func newFullDisk(t *testing.T, kind string) *fullDisk {
	t.Helper()
	dir, err := harness.ScratchDir("full-")
	if err != nil {
		t.Fatal(err)
	}
	d := &fullDisk{t: t, ctx: testbroker.Context(t, 3*time.Minute), data: filepath.Join(dir, "data")}
	d.mount(kind)
	props := harness.TestProps()
	maps.Copy(props, map[string]string{"mainstem.log.segment.bytes": fmt.Sprint(segmentBytes), "offsets.topic.num.partitions": "1"})
	d.broker, err = harness.Start(d.ctx, harness.Mainstem, harness.Options{Dir: dir, Props: props})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(d.logText())
		}
		// The disk is let go of before its directory is removed.
		if err := errors.Join(d.broker.Kill(), syscall.Unmount(d.data, 0), d.broker.Remove()); err != nil {
			t.Error(err)
		}
	})
	d.cl = d.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(10),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	d.admin = kadm.NewClient(d.cl)
	return d
}

// mount puts a small file system where the data goes.
func (d *fullDisk) mount(kind string) {
	d.t.Helper()
	if err := os.MkdirAll(d.data, 0o755); err != nil {
		d.t.Fatal(err)
	}
	if kind == "tmpfs" {
		if err := syscall.Mount("tmpfs", d.data, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
			_ = os.RemoveAll(filepath.Dir(d.data))
			d.t.Skipf("no tmpfs can be mounted here, which needs root: %v", err)
		}
		return
	}
	image := filepath.Join(filepath.Dir(d.data), "image")
	err := os.WriteFile(image, nil, 0o644)
	if err == nil {
		err = os.Truncate(image, diskSize)
	}
	for _, argv := range [][]string{{"mkfs.ext4", "-q", "-F", image}, {"mount", "-o", "loop", image, d.data}} {
		if err == nil {
			if out, runErr := exec.Command(argv[0], argv[1:]...).CombinedOutput(); runErr != nil {
				err = fmt.Errorf("%s: %w: %s", argv[0], runErr, out)
			}
		}
	}
	if err != nil {
		_ = os.RemoveAll(filepath.Dir(d.data))
		d.t.Skipf("no ext4 can be mounted here, which needs root, mkfs.ext4 and loop devices: %v", err)
	}
}

func (d *fullDisk) client(opts ...kgo.Opt) *kgo.Client {
	d.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(d.broker.Addr()), kgo.MetadataMinAge(50 * time.Millisecond)}, opts...)...)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(cl.Close)
	return cl
}

func (d *fullDisk) run() {
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
	d.cl.Produce(d.ctx, &kgo.Record{Topic: "kept", Value: []byte("waiting")}, func(_ *kgo.Record, err error) { waiting <- err })
	d.goesOn("full")

	d.othersTakeAll()
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

// TestDiskShare writes more than the disk holds, of which the log may have a
// share: the oldest records go, but for those of a topic that is exempt.
func TestDiskShare(t *testing.T) {
	target, err := harness.ParseTarget(os.Getenv("TARGET"))
	if err != nil {
		t.Fatal(err)
	}
	if target != harness.Mainstem {
		t.Skip("Apache Kafka has no such setting")
	}
	testbroker.Quick(t)
	const percent = 40
	d := newFullDisk(t, "tmpfs")
	d.prepare()
	set := func(name, value string) kadm.AlterConfig { return kadm.AlterConfig{Name: name, Value: &value} }
	share := set("mainstem.retention.disk.percent", fmt.Sprint(percent))
	if resp, err := d.admin.AlterBrokerConfigs(d.ctx, []kadm.AlterConfig{share}); err != nil || resp[0].Err != nil {
		t.Fatal(err, resp)
	}
	if resp, err := d.admin.AlterTopicConfigs(d.ctx, []kadm.AlterConfig{set("mainstem.retention.disk.exempt", "true")}, "kept"); err != nil || resp[0].Err != nil {
		t.Fatal(err, resp)
	}
	// A producer that is faster than retention is refused for a moment, and
	// tries again.
	for n := 0; n < 3*diskSize/2; n += batchValue {
		d.cl.Produce(d.ctx, &kgo.Record{Topic: "doomed", Value: make([]byte, batchValue)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	if err := d.cl.Flush(d.ctx); err != nil {
		t.Fatal(err)
	}
	testbroker.Eventually(t, 30*time.Second, func() error {
		_, text := d.get("/metrics")
		for line := range strings.Lines(text) {
			if n, ok := strings.CutPrefix(line, "mainstem_log_segment_bytes "); ok {
				bytes, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
				// The first segment has records of the exempt topic too, and stays.
				if err == nil && bytes > diskSize*percent/100+segmentBytes {
					err = fmt.Errorf("the log takes %v bytes", bytes)
				}
				return err
			}
		}
		return errors.New("the size of the log is not shown")
	})
	if err := d.told("the log is over its share of the disk: the oldest records went"); err != nil {
		t.Error(err)
	}
	starts, err := d.admin.ListStartOffsets(d.ctx, "doomed", "kept")
	if err != nil || starts["doomed"][0].Offset == 0 || starts["kept"][0].Offset != 0 {
		t.Errorf("the topics begin at %v, %v", starts, err)
	}
	d.read(keptRecords)
}

// prepare makes the topics, the records to be kept, and a batch.
func (d *fullDisk) prepare() {
	d.t.Helper()
	if _, err := d.admin.CreateTopics(d.ctx, 1, 1, nil, "kept", "doomed"); err != nil {
		d.t.Fatal(err)
	}
	for i := range keptRecords {
		if err := d.cl.ProduceSync(d.ctx, &kgo.Record{Topic: "kept", Value: []byte(fmt.Sprint(i))}).FirstErr(); err != nil {
			d.t.Fatal(err)
		}
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

func (d *fullDisk) topicID(name string) [16]byte {
	d.t.Helper()
	topics, err := d.admin.ListTopics(d.ctx, name)
	if err != nil {
		d.t.Fatal(err)
	}
	return topics[name].ID
}

// produce sends the batch once, and returns the answer.
func (d *fullDisk) produce(name string) (code int16, words string) {
	d.t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10_000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = append([]byte(nil), d.batch...)
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: name, TopicID: d.topicID(name), Partitions: []kmsg.ProduceRequestTopicPartition{p}}}
	resp, err := req.RequestWith(d.ctx, d.cl)
	if err != nil {
		d.t.Fatal(err)
	}
	got := resp.Topics[0].Partitions[0]
	if got.ErrorMessage != nil {
		words = *got.ErrorMessage
	}
	return got.ErrorCode, words
}

// fill produces until that is refused, and returns in what words.
func (d *fullDisk) fill() (words string) {
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

// othersTakeAll leaves no byte free.
func (d *fullDisk) othersTakeAll() {
	d.t.Helper()
	f, err := os.Create(filepath.Join(d.data, "others"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			d.t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		d.t.Fatal(err)
	}
}

// goesOn uses all that a full disk must not stop.
func (d *fullDisk) goesOn(when string) {
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
	name := strings.NewReplacer(" ", "_", ",", "").Replace(fmt.Sprintf("%s-%d", when, at))
	if _, err := d.admin.CreateTopic(d.ctx, 1, 1, nil, name); err != nil {
		d.t.Fatalf("%s: create a topic: %v", when, err)
	}
	alter := []kadm.AlterConfig{{Name: "retention.ms", Value: kadm.StringPtr("1000000")}}
	if _, err := d.admin.AlterTopicConfigs(d.ctx, alter, name); err != nil {
		d.t.Fatalf("%s: alter a topic: %v", when, err)
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

// read reads so many records from the start of the topic that is kept.
func (d *fullDisk) read(n int) {
	d.t.Helper()
	cl := d.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"kept": {0: kgo.NewOffset().AtStart()}}))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	for got := 0; got < n; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			d.t.Fatalf("read, after %d of %d records: %v", got, n, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			if want := fmt.Sprint(got); string(r.Value) != want && got < keptRecords {
				d.t.Fatalf("record %d is %q", got, r.Value)
			}
			got++
		})
	}
}

// get asks the broker by HTTP.
func (d *fullDisk) get(path string) (status int, text string) {
	d.t.Helper()
	resp, err := http.Get(strings.TrimSuffix(d.broker.Metrics(), "/metrics") + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (d *fullDisk) metric(name string, want int) {
	d.t.Helper()
	if _, text := d.get("/metrics"); !strings.Contains(text, fmt.Sprintf("\n%s %d\n", name, want)) {
		d.t.Errorf("%s is not %d", name, want)
	}
}

func (d *fullDisk) logText() string {
	text, err := os.ReadFile(d.broker.LogFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// told reports whether the broker's log has these words.
func (d *fullDisk) told(words string) error {
	if !strings.Contains(d.logText(), words) {
		return fmt.Errorf("the log does not say %q", words)
	}
	return nil
}
