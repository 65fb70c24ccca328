package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

const (
	// patience is how long a registry may take to find a leader again, and to write.
	patience = 3 * time.Minute
	// askTime is how long one answer may take: the leader may have to wait for the broker.
	askTime = time.Minute
)

// service is a registry: some processes of one group.
type service struct {
	group, topic string
	argv         []string
	nodes        []*node
}

// node is one process.
type node struct {
	url  string
	argv []string
	now  *program.Program
}

// newService starts processes of a registry.
func newService(t *testing.T, topic string, nodes int) *service {
	t.Helper()
	s := &service{group: shared.Name(t), topic: topic, argv: program.Java(t, "kafka", filepath.Join("testdata", "Registry.java"))}
	for range nodes {
		s.add(t)
	}
	return s
}

// add starts one more.
func (s *service) add(t *testing.T) *node {
	t.Helper()
	ports, err := harness.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	argv := append(append([]string{}, s.argv...), shared.Addr(), s.group, s.topic, strconv.Itoa(ports[0]))
	n := &node{url: "http://" + harness.Local(ports[0]), argv: argv}
	n.start(t)
	s.nodes = append(s.nodes, n)
	return n
}

func (n *node) start(t *testing.T) {
	t.Helper()
	n.now = program.Start(t, n.url, n.argv, nil, func([]byte) bool { return false }, func() string { return "" })
}

// kill ends a process and forgets it.
func (s *service) kill(dead *node) {
	dead.now.Kill()
	var left []*node
	for _, n := range s.nodes {
		if n != dead {
			left = append(left, n)
		}
	}
	s.nodes = left
}

// ask asks a process once.
func (n *node) ask(t *testing.T, method, path string, body, answer any) error {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(testbroker.Context(t, askTime), method, n.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s%s: %s %s", method, n.url, path, resp.Status, got)
	}
	return json.Unmarshal(got, answer)
}

// register has a schema registered, again and again while there is no leader.
func (n *node) register(t *testing.T, subject, schema string) (id int) {
	t.Helper()
	testbroker.Eventually(t, patience, func() error {
		var answer struct{ ID int }
		err := n.ask(t, http.MethodPost, "/subjects/"+subject+"/versions", map[string]string{"schema": schema}, &answer)
		id = answer.ID
		return err
	})
	return id
}

// leader waits until all processes name the same one of them.
func (s *service) leader(t *testing.T) (leader *node) {
	t.Helper()
	testbroker.Eventually(t, patience, func() error {
		named := ""
		for _, n := range s.nodes {
			var answer struct{ Leader string }
			if err := n.ask(t, http.MethodGet, "/leader", nil, &answer); err != nil {
				return err
			}
			if named != "" && named != answer.Leader {
				return fmt.Errorf("%s and %s are named leader", named, answer.Leader)
			}
			named = answer.Leader
		}
		for _, n := range s.nodes {
			if n.url == named {
				leader = n
				return nil
			}
		}
		return fmt.Errorf("%s leads, which is gone", named)
	})
	return leader
}
