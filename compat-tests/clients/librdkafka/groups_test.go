package librdkafka

import (
	"os"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/groups"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.MainWith(m, groups.Props())) }

func client(t *testing.T) *groups.Client {
	t.Helper()
	testbroker.Quick(t)
	c := groups.PythonClient(t)
	c.Flavours = []groups.Flavour{
		{Protocol: groups.Classic, Assignor: "range"},
		{Protocol: groups.Classic, Assignor: "cooperative-sticky", Tied: true},
		{Protocol: groups.Consumer},
	}
	c.Static = true
	return c
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

// TestMigrate: members of the classic protocol are replaced by members of the consumer protocol
// at work, and back.
func TestMigrate(t *testing.T) { groups.Migrate(t, &shared, client(t)) }
