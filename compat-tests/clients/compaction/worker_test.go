package compaction

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

// connectTime is how long Connect may take to do something.
const connectTime = 2 * time.Minute

// worker is a worker of Kafka Connect in distributed mode.
type worker struct {
	t      *testing.T
	url    string
	conf   string
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// newWorker prepares a worker whose internal topics begin with a name.
func newWorker(t *testing.T, name string) *worker {
	t.Helper()
	ports, err := harness.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &worker{
		t: t, url: "http://" + harness.Local(ports[0]), conf: filepath.Join(dir, "worker.properties"), log: filepath.Join(dir, "worker.log"),
	}
	lines := []string{
		"bootstrap.servers=" + shared.Addr(), "group.id=" + name, "listeners=" + w.url,
		"key.converter=org.apache.kafka.connect.storage.StringConverter", "value.converter=org.apache.kafka.connect.storage.StringConverter",
		"offset.flush.interval.ms=500", "scheduled.rebalance.max.delay.ms=0", "plugin.discovery=service_load",
	}
	for _, kind := range []string{"config", "offset", "status"} {
		lines = append(lines, kind+".storage.topic="+name+"."+kind, kind+".storage.replication.factor=1")
		if kind != "config" {
			lines = append(lines, kind+".storage.partitions=1")
		}
	}
	if err := os.WriteFile(w.conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.cmd != nil {
			_ = w.cmd.Process.Kill()
			<-w.exited
		}
		if log, err := os.ReadFile(w.log); err == nil && t.Failed() {
			t.Logf("the worker: %s", log[max(0, len(log)-3000):])
		}
	})
	return w
}

// start runs the worker until its REST interface answers.
func (w *worker) start() {
	w.t.Helper()
	argv, err := harness.JavaCommand(testContext(w.t), "org.apache.kafka.connect.cli.ConnectDistributed", w.conf)
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
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	cmd, exited := w.cmd, w.exited
	go func() {
		defer close(exited)
		_ = cmd.Wait() // Java ends with an exit code for each signal.
	}()
	w.eventually("start", func() error {
		_, err := w.ask(http.MethodGet, "/connectors", nil)
		return err
	})
}

// stop ends the worker.
func (w *worker) stop() {
	w.t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	select {
	case <-w.exited:
	case <-time.After(connectTime):
		w.t.Fatal("the worker does not end")
	}
	w.cmd = nil
}

func (w *worker) eventually(what string, try func() error) {
	w.t.Helper()
	testbroker.Await(testbroker.Context(w.t, connectTime), w.t, what, try)
}

// ask asks the REST interface.
func (w *worker) ask(method, path string, body any) (string, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return "", err
		}
	}
	req, err := http.NewRequestWithContext(testContext(w.t), method, w.url+path, bytes.NewReader(text))
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

// must is ask, again and again while a worker that is rebalancing refuses.
func (w *worker) must(method, path string, body any) (answer string) {
	w.t.Helper()
	w.eventually(method+" "+path, func() (err error) {
		answer, err = w.ask(method, path, body)
		return err
	})
	return answer
}

// runs waits until a connector and its task are in a state.
func (w *worker) runs(connector, state string) {
	w.t.Helper()
	w.eventually(connector, func() error {
		answer, err := w.ask(http.MethodGet, "/connectors/"+connector+"/status", nil)
		if err == nil && strings.Count(answer, `"state":"`+state+`"`) != 2 {
			err = errors.New(answer)
		}
		return err
	})
}
