package faults

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestDiskLow fills a disk up to the warning: the broker says so, and applies
// retention at once, although its next round is an hour away. Nobody is refused.
func TestDiskLow(t *testing.T) {
	testbroker.Quick(t)
	d := newSmallDisk(t, "tmpfs", map[string]string{
		"mainstem.disk.free.warn.bytes": fmt.Sprint(60 << 20), "mainstem.disk.free.min.bytes": fmt.Sprint(8 << 20),
		"mainstem.disk.ballast.bytes": fmt.Sprint(4 << 20), "log.retention.check.interval.ms": "3600000",
	})
	d.prepare()
	d.alterTopic("doomed", "retention.ms", "1")
	for n := 0; n < 40<<20; n += batchValue {
		if err := d.cl.ProduceSync(d.ctx, &kgo.Record{Topic: "doomed", Value: make([]byte, batchValue)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	testbroker.Eventually(t, patience, func() error { return d.told("the disk is low, ") })
	if err := d.told("below the warning of 60.0 MiB; retention is applied at once"); err != nil {
		t.Error(err)
	}
	testbroker.Eventually(t, patience, func() error {
		starts, err := d.admin.ListStartOffsets(d.ctx, "doomed")
		if err == nil && starts["doomed"][0].Offset == 0 {
			err = errors.New("no record went")
		}
		return err
	})
	// What went takes room until its segments are given back.
	testbroker.Eventually(t, 30*time.Second, func() error {
		status, text := d.get("/readyz")
		if status != http.StatusOK {
			t.Fatalf("readyz: %d %s", status, text)
		}
		if err := d.told("the disk has enough room"); err != nil {
			return err
		}
		if strings.Contains(text, "[!] disk room") {
			return errors.New("readyz still warns")
		}
		return nil
	})
	d.metric("mainstem_disk_level", 0)
	if strings.Contains(d.logText(), "produce is refused") {
		t.Error("produce was refused")
	}
	d.read(keptRecords)
}

// alterTopic sets a topic's setting.
func (d *smallDisk) alterTopic(topic, name, value string) {
	d.t.Helper()
	resp, err := d.admin.AlterTopicConfigs(d.ctx, []kadm.AlterConfig{{Name: name, Value: &value}}, topic)
	if err != nil || resp[0].Err != nil {
		d.t.Fatal(err, resp)
	}
}

// TestDiskShare writes more than the disk holds, of which the log may have a
// share: the oldest records go, but for those of a topic that is exempt.
func TestDiskShare(t *testing.T) {
	testbroker.Quick(t)
	const percent = 40
	d := newSmallDisk(t, "tmpfs", nil)
	d.prepare()
	share := fmt.Sprint(percent)
	if resp, err := d.admin.AlterBrokerConfigs(d.ctx, []kadm.AlterConfig{{Name: "mainstem.retention.disk.percent", Value: &share}}); err != nil || resp[0].Err != nil {
		t.Fatal(err, resp)
	}
	d.alterTopic("kept", "mainstem.retention.disk.exempt", "true")
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
