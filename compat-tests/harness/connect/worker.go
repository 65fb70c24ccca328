package connect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// most is how long Connect may take to do something.
const most = 5 * time.Minute

// restStops is how long Connect lets its REST server take to end (a constant there).
const restStops = time.Minute

// shown is how much of a worker's log is shown of a test that failed, in bytes.
const shown = 32 << 10

// Worker is a worker of Kafka Connect in distributed mode.
type Worker struct {
	t      *testing.T
	url    string
	conf   string
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// New prepares a worker of a broker whose internal topics begin with a name, with more
// properties than those: the worker's own, as lines. It ends with the test.
func New(t *testing.T, broker, name string, more ...string) *Worker {
	t.Helper()
	ports, err := harness.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &Worker{
		t: t, url: "http://" + harness.Local(ports[0]), conf: filepath.Join(dir, "worker.properties"), log: filepath.Join(dir, "worker.log"),
	}
	lines := []string{
		"bootstrap.servers=" + broker, "group.id=" + name, "listeners=" + w.url,
		"key.converter=org.apache.kafka.connect.storage.StringConverter", "value.converter=org.apache.kafka.connect.storage.StringConverter",
		"offset.flush.interval.ms=500", "scheduled.rebalance.max.delay.ms=0", "plugin.discovery=service_load",
	}
	for _, kind := range []string{"config", "offset", "status"} {
		lines = append(lines, kind+".storage.topic="+name+"."+kind, kind+".storage.replication.factor=1")
		if kind != "config" {
			lines = append(lines, kind+".storage.partitions=1")
		}
	}
	// The last of two lines with one name holds.
	lines = append(lines, more...)
	if err := os.WriteFile(w.conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.cmd != nil {
			_ = w.cmd.Process.Kill()
			<-w.exited
		}
		if log, err := os.ReadFile(w.log); err == nil && t.Failed() {
			t.Logf("the worker: %s", log[max(0, len(log)-shown):])
		}
	})
	return w
}

// Start runs the worker until its REST interface answers.
func (w *Worker) Start() {
	w.t.Helper()
	argv, err := harness.JavaCommand(testbroker.Context(w.t, most), "org.apache.kafka.connect.cli.ConnectDistributed", w.conf)
	if err != nil {
		w.t.Fatal(err)
	}
	log, err := os.OpenFile(w.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	w.cmd, w.exited = exec.Command(argv[0], argv[1:]...), make(chan struct{})
	w.cmd.Stdout, w.cmd.Stderr = log, log
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	cmd, exited := w.cmd, w.exited
	go func() {
		defer close(exited)
		_ = cmd.Wait() // Java ends with an exit code for each signal.
	}()
	w.Eventually("start", func() error {
		_, err := w.Ask(http.MethodGet, "/connectors", nil)
		return err
	})
}

// Stop ends the worker. Connect's REST server sometimes never ends, on whatever broker
// (see the findings of pipelines/connect), and the worker is not told to before it has:
// that one is killed.
func (w *Worker) Stop() {
	w.t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	select {
	case <-w.exited:
	case <-time.After(2 * restStops):
		if !strings.Contains(w.threads(), "at org.apache.kafka.connect.runtime.rest.RestServer.stop(") {
			w.t.Fatal("the worker does not end")
		}
		w.t.Log("the worker's REST server does not end: it is killed")
		w.Kill()
		return
	}
	w.cmd = nil
}

// threads has Java print into the log what its threads do.
func (w *Worker) threads() string {
	w.t.Helper()
	before, err := os.Stat(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		w.t.Fatal(err)
	}
	var log []byte
	w.Eventually("thread dump", func() error {
		if log, err = os.ReadFile(w.log); err == nil && !bytes.Contains(log[before.Size():], []byte("VM Periodic Task Thread")) {
			err = errors.New("it is not there yet")
		}
		return err
	})
	return string(log[before.Size():])
}

// Kill ends the worker as a crash would.
func (w *Worker) Kill() {
	w.t.Helper()
	if err := w.cmd.Process.Kill(); err != nil {
		w.t.Fatal(err)
	}
	<-w.exited
	w.cmd = nil
}

// Eventually tries until there is no error, for as long as Connect may take.
func (w *Worker) Eventually(what string, try func() error) {
	w.t.Helper()
	testbroker.Await(testbroker.Context(w.t, most), w.t, what, try)
}

// Ask asks the REST interface.
func (w *Worker) Ask(method, path string, body any) (string, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return "", err
		}
	}
	req, err := http.NewRequestWithContext(testbroker.Context(w.t, most), method, w.url+path, bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return "", err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return "", fmt.Errorf("%s %s: %s %s", method, path, resp.Status, answer)
	}
	return string(answer), nil
}

// Must is Ask, again and again while a worker that is rebalancing refuses.
func (w *Worker) Must(method, path string, body any) (answer string) {
	w.t.Helper()
	w.Eventually(method+" "+path, func() (err error) {
		answer, err = w.Ask(method, path, body)
		return err
	})
	return answer
}

// Runs waits until a connector and its task are in a state.
func (w *Worker) Runs(connector, state string) {
	w.t.Helper()
	w.Eventually(connector, func() error {
		answer, err := w.Ask(http.MethodGet, "/connectors/"+connector+"/status", nil)
		if err == nil && strings.Count(answer, `"state":"`+state+`"`) != 2 {
			err = errors.New(answer)
		}
		return err
	})
}
