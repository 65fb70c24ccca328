package faults

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestTopicsFillTheDisk creates topics on a full disk until that is refused too.
// Nobody else is there to make room: the broker starts again all the same, and
// the deletion of a topic brings everything back.
func TestTopicsFillTheDisk(t *testing.T) {
	d := newSmallDisk(t, "tmpfs", map[string]string{"mainstem.log.segment.bytes": fmt.Sprint(1 << 20)})
	d.prepare()
	d.fill()
	created, words := d.createAll()
	t.Logf("%d topics were created, then: %s", created, words)
	if !strings.Contains(words, "kept for deletions, commits and a start") {
		t.Errorf("refused with %q", words)
	}
	d.refusesGrowth("full of topics")
	d.autoCreates(kerr.KafkaStorageError)
	d.longer()
	for i := range 3 {
		d.goesOn(fmt.Sprintf("full of topics, %d", i))
		if err := d.broker.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := d.broker.Restart(); err != nil {
			t.Fatalf("start %d on a disk full of topics: %v", i, err)
		}
		d.refusesGrowth("restarted")
	}
	topics, err := d.admin.ListTopics(d.ctx)
	if err != nil || len(topics) < created {
		t.Fatalf("%d topics are left, %v", len(topics), err)
	}
	if _, err := d.admin.DeleteTopic(d.ctx, "doomed"); err != nil {
		t.Fatal(err)
	}
	testbroker.Eventually(t, 30*time.Second, func() error { return d.told("produce is taken again") })
	d.must(keptRecord(keptRecords, 0))
	d.read(keptRecords + 1)
	testbroker.Eventually(t, patience, func() error {
		_, err := d.admin.CreateTopic(d.ctx, 1, 1, nil, "after")
		return err
	})
}

// createAll creates topics of long names until that is refused.
func (d *smallDisk) createAll() (created int, words string) {
	d.t.Helper()
	for created < 200_000 {
		var names []string
		for i := range 500 {
			names = append(names, fmt.Sprintf("%d-%s", created+i, strings.Repeat("n", 220)))
		}
		rs, err := d.admin.CreateTopics(d.ctx, 1, 1, nil, names...)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, r := range rs {
			switch {
			case r.Err == nil:
				created++
			case errors.Is(r.Err, kerr.KafkaStorageError):
				words = r.ErrMessage
			default:
				d.t.Fatal(r.Err, r.ErrMessage)
			}
		}
		if words != "" {
			return created, words
		}
	}
	d.t.Fatal("the disk does not get full of topics")
	return 0, ""
}

// autoCreates asks for the metadata of a topic that does not exist.
func (d *smallDisk) autoCreates(want *kerr.Error) {
	d.t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = true
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kadm.StringPtr("auto")
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(d.ctx, d.client(kgo.DisableIdempotentWrite()))
	if err != nil || resp.Topics[0].ErrorCode != want.Code {
		d.t.Errorf("a topic that is asked for: %+v, %v", resp, err)
	}
}

// longer sets what a topic had not set.
func (d *smallDisk) longer() {
	d.t.Helper()
	more := []kadm.AlterConfig{{Name: "flush.ms", Value: kadm.StringPtr("1000")}}
	if r, err := d.admin.AlterTopicConfigs(d.ctx, more, "kept"); err != nil || !errors.Is(r[0].Err, kerr.KafkaStorageError) {
		d.t.Errorf("a config more: %v, %v", r, err)
	}
}
