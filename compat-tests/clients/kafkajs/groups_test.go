package kafkajs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/groups"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.MainWith(m, groups.Props())) }

func client(t *testing.T) *groups.Client {
	t.Helper()
	testbroker.Quick(t)
	command, env := program.Node(t, ".", filepath.Join("testdata", "member.js"))
	return &groups.Client{
		Command:  command,
		Env:      env,
		Flavours: []groups.Flavour{{Protocol: groups.Classic, Assignor: "roundrobin"}},
	}
}

// TestCluster: three members of a group join, leave, crash and come back; every record is
// delivered and no partition has two owners.
func TestCluster(t *testing.T) { groups.Cluster(t, &shared, client(t)) }

// TestBroadcast: every member of a broadcasting group gets every record, and goes on where it
// was.
func TestBroadcast(t *testing.T) { groups.Broadcast(t, &shared, client(t)) }

// TestRewind: mainstem group rewind takes members at work to an offset, to a time, so many back,
// and undoes it.
func TestRewind(t *testing.T) { groups.Rewind(t, &shared, client(t)) }
