package mirrormaker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// mirror is a MirrorMaker 2.
type mirror struct {
	command []string
	process *program.Program

	mu  sync.Mutex
	log strings.Builder
}

// newMirror prepares MirrorMaker by testdata/mm2.properties, for two brokers.
func newMirror(t *testing.T, kafka, mainstem string) *mirror {
	t.Helper()
	jars, err := harness.Jars(testbroker.Context(t, 10*time.Minute), filepath.Join("testdata", "connect-mirror", "pom.xml"))
	if err != nil {
		t.Fatal(err)
	}
	ports, err := harness.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "mm2.properties"))
	if err != nil {
		t.Fatal(err)
	}
	// The last of two lines with one name holds.
	text = append(text, strings.Join([]string{
		"kafka.bootstrap.servers=" + kafka, "mainstem.bootstrap.servers=" + mainstem, "listeners=http://" + harness.Local(ports[0]),
	}, "\n")...)
	conf := filepath.Join(t.TempDir(), "mm2.properties")
	if err := os.WriteFile(conf, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return &mirror{command: []string{
		"java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dlog4j2.level=ERROR",
		"-cp", filepath.Join(jars, "*"), "org.apache.kafka.connect.mirror.MirrorMaker", conf,
	}}
}

func (m *mirror) start(t *testing.T) {
	t.Helper()
	m.process = program.Start(t, "MirrorMaker", m.command, nil, m.take, func() string {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.log.String()
	})
}

func (m *mirror) take(line []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log.Write(append(line, '\n'))
	return true
}

// alive tells whether MirrorMaker has given up.
func (m *mirror) alive() error {
	if m.process.Gone() {
		return errors.New("MirrorMaker has ended")
	}
	return nil
}
