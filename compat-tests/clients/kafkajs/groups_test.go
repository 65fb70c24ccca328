package kafkajs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/groups"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.MainWith(m, groups.Props())) }

func client(t *testing.T) *groups.Client {
	t.Helper()
	testbroker.Quick(t)
	name, version := groups.Installed(t)
	modules, err := harness.Node(testbroker.Context(t, 5*time.Minute), name+"@"+version)
	if err != nil {
		t.Fatal(err)
	}
	return &groups.Client{
		Command:  []string{"node", filepath.Join("testdata", "member.js")},
		Env:      []string{"NODE_PATH=" + modules},
		Flavours: []groups.Flavour{{Protocol: groups.Classic, Assignor: "roundrobin"}},
	}
}

func TestCluster(t *testing.T) { groups.Cluster(t, &shared, client(t)) }

func TestBroadcast(t *testing.T) { groups.Broadcast(t, &shared, client(t)) }

func TestRewind(t *testing.T) { groups.Rewind(t, &shared, client(t)) }
