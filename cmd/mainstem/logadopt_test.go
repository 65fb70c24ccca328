package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/replication"
)

// A copy whose metadata is older than its log is refused with a next step, and
// that step lets every record be read.
func TestAdoptPartitionsOfOlderMetadata(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	older := filepath.Join(t.TempDir(), "metadata")
	create := func(h *halfBroker, name string, partitions int32) {
		t.Helper()
		if r := h.meta.CreateTopics([]cluster.TopicSpec{{Name: name, Partitions: partitions}}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	half := func() *halfBroker {
		t.Helper()
		h, err := startHalf(dir)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := half()
	create(h, "before", 2)
	if err := h.produce(2, 3, 1000); err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(older, os.DirFS(filepath.Join(dir, "metadata"))); err != nil {
		t.Fatal(err)
	}
	h = half()
	create(h, "idle", 2) // ids 3 and 4 have no records
	create(h, "after", 2)
	for range 3 {
		if err := h.produce(6, 2, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "metadata")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "metadata"), os.DirFS(older)); err != nil {
		t.Fatal(err)
	}
	if _, err := startHalf(dir); err == nil || !strings.Contains(err.Error(), "does not know") || !strings.Contains(err.Error(), "salvage --adopt") {
		t.Fatalf("the start says %v", err)
	}
	if code, _, errs := command(t, "log", "salvage", "--yes", dir); code != exitUsage || !strings.Contains(errs, "salvage --adopt") {
		t.Errorf("salvage: %d, %s", code, errs)
	}
	code, out, errs := command(t, "log", "salvage", "--adopt", "--yes", dir)
	if code != exitOK || !strings.Contains(out, "adopted-partition-6") || strings.Contains(out, "adopted-partition-3") {
		t.Fatalf("salvage: %d\n%s\n%s", code, out, errs)
	}
	if code, out, errs := command(t, "log", "check", dir); code != exitOK {
		t.Errorf("the check: %d\n%s\n%s", code, out, errs)
	}
	h = half()
	topic, ok := h.meta.Image().Topic("adopted-partition-6")
	if !ok || len(topic.Partitions) != 1 || topic.Partitions[0].ID != 6 {
		t.Errorf("%+v", topic)
	}
	if n, err := h.fetch(6, 0); err != nil || n != 6 {
		t.Errorf("%d batches, %v", n, err)
	}
	if err := h.produce(6, 1, 1000); err != nil {
		t.Error(err)
	}
	create(h, "new", 1)
	if topic, _ := h.meta.Image().Topic("new"); topic.Partitions[0].ID != 7 {
		t.Errorf("the next partition has the id %d", topic.Partitions[0].ID)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	h = half()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

// Without any metadata the check says so, and nothing of offsets and indexes;
// the fresh metadata of another directory lets every record be read.
func TestAdoptWithoutMetadata(t *testing.T) {
	dir := makeBroker(t)
	h, err := startHalf(dir)
	if err != nil {
		t.Fatal(err)
	}
	h.meta.DeleteTopics([]string{"payments"})
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	metadata := filepath.Join(dir, "metadata")
	if err := os.RemoveAll(metadata); err != nil {
		t.Fatal(err)
	}
	code, out, _ := command(t, "log", "check", dir)
	if code != exitFailed || !strings.Contains(out, "metadata: the broker does not start") || !strings.Contains(out, "without the metadata nobody can tell") ||
		!strings.Contains(out, "1 finding of damage") || strings.Contains(out, "LOST") || strings.Contains(out, "salvage") {
		t.Errorf("the check: %d\n%s", code, out)
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	if h, err = startHalf(fresh); err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(metadata, os.DirFS(filepath.Join(fresh, "metadata"))); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := command(t, "log", "salvage", "--adopt", "--yes", dir); code != exitOK || !strings.Contains(out, "retention.ms=-1") {
		t.Fatalf("salvage: %d\n%s\n%s", code, out, errs)
	}
	if h, err = startHalf(dir); err != nil {
		t.Fatal(err)
	}
	if n, err := h.fetch(1, 0); n != 24 || err != nil {
		t.Errorf("%d batches, %v", n, err)
	}
	// They are of 1970, older than what any default keeps.
	if err := h.openPartitions(); err != nil {
		t.Fatal(err)
	}
	taken := h.partitions.Retain(func(_ *replication.Partition, err error) { t.Error(err) })
	if at := h.commitLog.Partition(1).Start(); len(taken) > 0 || at != 0 {
		t.Errorf("retention took %+v of what was adopted, which begins at %d now", taken, at)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}
