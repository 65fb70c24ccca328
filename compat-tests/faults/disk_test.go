package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// smallDisk is a broker on a disk of 96 MiB of its own, and its clients.
type smallDisk struct {
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

	// patience is how long a broker may take for what it should do at once.
	patience = 10 * time.Second
)

// newSmallDisk starts a broker on a file system of its own; props come on top
// of what all these tests set.
func newSmallDisk(t *testing.T, kind string, props map[string]string) *smallDisk {
	t.Helper()
	d := &smallDisk{t: t, ctx: testbroker.Context(t, 5*time.Minute), data: dataDir(t, kind)}
	all := harness.TestProps()
	maps.Copy(all, map[string]string{"mainstem.log.segment.bytes": fmt.Sprint(segmentBytes), "offsets.topic.num.partitions": "1"})
	maps.Copy(all, props)
	var err error
	d.broker, err = harness.Start(d.ctx, harness.Mainstem, harness.Options{Dir: filepath.Dir(d.data), Props: all})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(d.logText())
		}
		if err := d.broker.Kill(); err != nil { // it lets go of the disk
			t.Error(err)
		}
	})
	d.cl = d.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(10),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	d.admin = kadm.NewClient(d.cl)
	return d
}

// dataDir is a directory "data" in one of its own, on a small file system, or
// on none of its own if kind is "". Both go with the test.
func dataDir(t *testing.T, kind string) string {
	t.Helper()
	target, err := harness.ParseTarget(os.Getenv("TARGET"))
	if err != nil {
		t.Fatal(err)
	}
	testbroker.MainstemOnly(t, target) // Its words and its files.
	dir, err := harness.ScratchDir("faults-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if kind == "" {
		return data
	}
	if err := mount(kind, data); err != nil {
		t.Skipf("NOT TESTED: no %s can be mounted here, which needs root, and for ext4 mkfs.ext4 and loop devices: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(data, 0); err != nil {
			t.Error(err)
		}
	})
	return data
}

// mount puts a small file system on a directory.
func mount(kind, data string) error {
	if kind == "tmpfs" {
		return syscall.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize))
	}
	image := filepath.Join(filepath.Dir(data), "image")
	if err := errors.Join(os.WriteFile(image, nil, 0o644), os.Truncate(image, diskSize)); err != nil {
		return err
	}
	for _, argv := range [][]string{{"mkfs.ext4", "-q", "-F", image}, {"mount", "-o", "loop", image, data}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", argv[0], err, out)
		}
	}
	return nil
}

func (d *smallDisk) client(opts ...kgo.Opt) *kgo.Client {
	d.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(d.broker.Addr()), kgo.MetadataMinAge(50 * time.Millisecond)}, opts...)...)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(cl.Close)
	return cl
}

func (d *smallDisk) topicID(name string) [16]byte {
	d.t.Helper()
	topics, err := d.admin.ListTopics(d.ctx, name)
	if err != nil {
		d.t.Fatal(err)
	}
	return topics[name].ID
}

// produce sends the batch once, and returns the answer.
func (d *smallDisk) produce(name string) (code int16, words string) {
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

// othersTakeAll leaves no byte free.
func (d *smallDisk) othersTakeAll() {
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

// get asks the broker by HTTP.
func (d *smallDisk) get(path string) (status int, text string) {
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

func (d *smallDisk) metric(name string, want int) {
	d.t.Helper()
	if _, text := d.get("/metrics"); !strings.Contains(text, fmt.Sprintf("\n%s %d\n", name, want)) {
		d.t.Errorf("%s is not %d", name, want)
	}
}

func (d *smallDisk) logText() string {
	text, err := os.ReadFile(d.broker.LogFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// told reports whether the broker's log has these words.
func (d *smallDisk) told(words string) error {
	if !strings.Contains(d.logText(), words) {
		return fmt.Errorf("the log does not say %q", words)
	}
	return nil
}
