package cli

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// checkup is what doctor says.
type checkup struct {
	Failures int
	Findings []struct{ Check, Mark, Text string }
}

func (c checkup) mark(check string) string {
	for _, f := range c.Findings {
		if f.Check == check {
			return f.Mark
		}
	}
	return "none"
}

// TestDoctor: a broker that is well is found to be.
func TestDoctor(t *testing.T) {
	topic := shared.Topic(t, 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
	var said checkup
	ask(t, &said, "doctor", "--write", topic)
	if said.Failures != 0 {
		t.Errorf("%+v", said)
	}
	for _, check := range []string{"name", "port", "protocol", "versions", "metadata", "advertised", "controller", "clock"} {
		if got := said.mark(check); got != "ok" {
			t.Errorf("%s: %s", check, got)
		}
	}
	// Apache Kafka 4 does not serve the oldest clients; it is a warning, no failure.
	want := "ok"
	if shared.Broker().Target() == harness.Kafka {
		want = "warning"
	}
	if got := said.mark("clients"); got != want {
		t.Errorf("clients: %s, want %s; %+v", got, want, said)
	}
}

// TestDoctorFindsWhatIsWrong: what cannot work is a failure, with words.
func TestDoctorFindsWhatIsWrong(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := silent.Addr().String()
	if err := silent.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words string
		args  []string
	}{
		{"refused", []string{"doctor", "-b", address}},
		{"TLS", []string{"doctor", "--tls", "-b", shared.Addr()}},
	} {
		path, err := harness.MainstemBinary()
		if err != nil {
			t.Fatal(err)
		}
		out, err := harness.Run(testbroker.Context(t, 45*time.Second), "", append([]string{path}, c.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		if out.Code == 0 || !strings.Contains(out.Stdout+out.Stderr, c.words) {
			t.Errorf("mainstem %s: exit code %d, want %q in\n%s%s", strings.Join(c.args, " "), out.Code, c.words, out.Stdout, out.Stderr)
		}
	}
}
