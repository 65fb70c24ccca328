package importing

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// readers: Java's client and librdkafka are given the records that franz-go was given,
// over gaps and fillers, and librdkafka comes to the end of each partition.
func (w *world) readers(topic string, want map[place]record) {
	w.t.Helper()
	kcat, err := harness.Kcat()
	w.must(err)
	out, err := harness.Run(w.ctx, "", kcat, "-b", w.target.Addr(), "-C", "-q", "-e", "-o", "beginning", "-t", topic,
		"-X", "isolation.level=read_committed", "-f", "Partition:%p Offset:%o\n")
	w.must(err)
	w.wantPlaces("kcat", topic, out, want)
	out, err = harness.JavaTool(w.ctx, "", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", w.target.Addr(),
		"--topic", topic, "--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "60000", "--max-messages", strconv.Itoa(len(want)),
		"--formatter-property", "print.partition=true", "--formatter-property", "print.offset=true",
		"--formatter-property", "print.value=false", "--formatter-property", "key.separator= ")
	w.must(err)
	w.wantPlaces("Java", topic, out, want)
}

func (w *world) wantPlaces(client, topic string, out harness.Output, want map[place]record) {
	w.t.Helper()
	got := map[place]bool{}
	for line := range strings.Lines(out.Stdout) {
		if !strings.HasPrefix(line, "Partition:") {
			continue // Java says there if nothing came any more
		}
		var at place
		if _, err := fmt.Sscanf(line, "Partition:%d Offset:%d", &at.Partition, &at.Offset); err != nil {
			w.t.Fatalf("%s: %v: %q", client, err, line)
		}
		got[at] = true
	}
	missing := slices.DeleteFunc(slices.Collect(maps.Keys(want)), func(at place) bool { return got[at] })
	if len(got) != len(want) || len(missing) > 0 {
		w.t.Errorf("%s has read %d records of %s, want %d; exit code %d, %s", client, len(got), topic, len(want), out.Code, out.Stderr)
	}
}
