package logstash

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// arrival is how long an event may take while the broker comes back.
const arrival = 3 * time.Minute

// TestPipeline: every event of one topic is in the other.
func TestPipeline(t *testing.T) {
	for _, v := range []struct {
		plugin, jars  string
		input, output map[string]string // what is not as in testdata
	}{
		{"12.1.4", "kafka", map[string]string{"group.protocol": "classic"}, nil},
		{"12.1.4 group_protocol consumer", "kafka", map[string]string{"group.protocol": "consumer", "session.timeout.ms": "", "heartbeat.interval.ms": ""}, nil},
		{"11.8.4", "kafka-clients-3.9", nil, map[string]string{"linger.ms": "0"}},
	} {
		t.Run(v.plugin, func(t *testing.T) {
			testbroker.Quick(t)
			pipeline(t, v.jars, v.input, v.output)
		})
	}
}

func pipeline(t *testing.T, jars string, inputDefaults, outputDefaults map[string]string) {
	t.Helper()
	from, to := newTopic(t), newTopic(t)
	input, output := readPipeline(t)
	input["bootstrap_servers"], output["bootstrap_servers"] = shared.Addr(), shared.Addr()
	input["group_id"] = shared.Name(t)
	input.take(t, "topics")
	output.take(t, "topic_id")
	threads := input.take(t, "consumer_threads")
	// The events are text, and are sent as text.
	output.take(t, "codec")
	argv := append(program.Java(t, jars, filepath.Join("testdata", "Logstash.java")),
		input.properties(t, "input.properties", inputDefaults), output.properties(t, "output.properties", outputDefaults),
		from.name, threads, to.name)
	quiet := func([]byte) bool { return false }
	story := func() string { return "" }
	p := program.Start(t, "logstash", argv, nil, quiet, story)

	from.write(t, 1000)
	to.has(t, from.written)
	for range 2 {
		from.write(t, 3000)
		// The first of these show that the others are under way.
		to.has(t, from.written-2900)
		shared.Restart(t)
		from.write(t, 1000)
		to.has(t, from.written)
	}
	p.Signal(t, syscall.SIGTERM)
	<-p.Ended()
	from.write(t, 500)
	p = program.Start(t, "logstash", argv, nil, quiet, story)
	to.has(t, from.written)
	p.Signal(t, syscall.SIGTERM)
	<-p.Ended()
	from.committed(t, input["group_id"])
	t.Logf("%d events, %d of them arrived again", from.written, to.events.Repeats(t))
}
