package compaction

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/connect"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestConnect: a worker of Kafka Connect keeps connectors, offsets and states in
// compacted topics. It goes on where it was after the broker was killed, and
// after these topics were compacted.
func TestConnect(t *testing.T) {
	testbroker.Quick(t)
	name := shared.Name(t)
	file := filepath.Join(t.TempDir(), "lines")
	lines := 0
	write := func(n int) {
		t.Helper()
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			fmt.Fprintf(f, "line %d\n", lines)
			lines++
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(5)
	w := connect.New(t, shared.Addr(), name)
	w.Start()
	source := map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1", "file": file, "topic": name + ".lines",
	}
	// What is delivered and not committed may come again after whatever ends a task.
	delivered := func() {
		t.Helper()
		w.Eventually("lines", func() error { return linesAre(t, name+".lines", lines) })
		w.Eventually("offsets", func() error { return committed(w, file) })
	}
	for i := range 5 {
		source["batch.size"] = fmt.Sprint(100 + i)
		w.Must(http.MethodPut, "/connectors/source/config", source)
		w.Runs("source", "RUNNING")
		write(5)
		delivered()
	}
	w.Must(http.MethodPut, "/connectors/gone/config", map[string]string{
		"connector.class": source["connector.class"], "tasks.max": "1", "file": file, "topic": name + ".gone",
	})
	w.Must(http.MethodDelete, "/connectors/gone", nil)
	w.Must(http.MethodPut, "/connectors/source/pause", nil)
	w.Runs("source", "PAUSED")
	w.Must(http.MethodPut, "/connectors/source/resume", nil)
	w.Runs("source", "RUNNING")
	shared.Restart(t)
	write(5)
	delivered()
	w.Stop()
	for _, kind := range []string{"config", "offset", "status"} {
		compactAll(t, name+"."+kind)
	}
	w.Start()
	w.Runs("source", "RUNNING")
	if got := w.Must(http.MethodGet, "/connectors", nil); got != `["source"]` {
		t.Errorf("connectors: %s", got)
	}
	if got := w.Must(http.MethodGet, "/connectors/source/config", nil); !strings.Contains(got, `"batch.size":"104"`) {
		t.Errorf("config: %s", got)
	}
	write(5)
	delivered()
	w.Stop()
}

// committed tells whether Connect has kept that it has read a file to its end.
func committed(w *connect.Worker, file string) error {
	answer, err := w.Ask(http.MethodGet, "/connectors/source/offsets", nil)
	if err != nil {
		return err
	}
	var kept struct {
		Offsets []struct{ Offset struct{ Position int64 } }
	}
	if err := json.Unmarshal([]byte(answer), &kept); err != nil {
		return err
	}
	stat, err := os.Stat(file)
	if err != nil {
		return err
	}
	if len(kept.Offsets) != 1 || kept.Offsets[0].Offset.Position != stat.Size() {
		return fmt.Errorf("of %d bytes are read: %s", stat.Size(), answer)
	}
	return nil
}

// linesAre checks that a topic holds the lines, each once.
func linesAre(t *testing.T, topic string, n int) error {
	t.Helper()
	offsets, err := admin(t).ListEndOffsets(testContext(t), topic)
	if err != nil || offsets.Error() != nil {
		return errors.Join(err, offsets.Error())
	}
	for i, r := range read(t, topic) {
		if want := fmt.Sprintf("=line %d", i); !strings.HasSuffix(r, want) {
			t.Fatalf("record %d is %q, want %q", i, r, want)
		}
	}
	if end, _ := offsets.Lookup(topic, 0); end.Offset != int64(n) {
		return fmt.Errorf("%d lines of %d", end.Offset, n)
	}
	return nil
}

// compactAll has a topic compacted as far as it goes, and checks what is left.
func compactAll(t *testing.T, topic string) {
	t.Helper()
	records := readRecords(t, topic)
	alter(t, topic, "segment.ms=1", "min.cleanable.dirty.ratio=0.0")
	// The first closes the segment of all that was there, the second its own.
	for i := range 2 {
		time.Sleep(10 * time.Millisecond)
		r := &kgo.Record{Topic: topic, Key: []byte("marker"), Value: fmt.Append(nil, i)}
		if err := client(t).ProduceSync(testContext(t), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		records = append(records, record{r.Offset, r.Timestamp.UnixMilli(), "marker", string(r.Value), false})
	}
	last := map[string]int64{}
	for _, r := range records[:len(records)-1] {
		last[r.key] = r.offset
	}
	kept := slices.DeleteFunc(slices.Clone(records), func(r record) bool { return last[r.key] > r.offset })
	if len(kept) > len(records)-5 {
		t.Errorf("%s: %d records of %d are to be kept, which proves little", topic, len(kept), len(records))
	}
	want := make([]string, len(kept))
	for i, r := range kept {
		want[i] = r.String()
	}
	mustLeave(t, topic, want)
}
