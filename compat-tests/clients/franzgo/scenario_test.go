package franzgo

import (
	"path"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/groups"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// members are processes of ./member, for the scenarios that all clients play.
func members(t *testing.T) *groups.Client {
	t.Helper()
	testbroker.Quick(t)
	return &groups.Client{
		Command: program.Go(t, path.Join("clients", "franzgo", "member")),
		Flavours: []groups.Flavour{
			{Protocol: groups.Classic, Assignor: "range"},
			{Protocol: groups.Classic, Assignor: "cooperative-sticky"},
			{Protocol: groups.Consumer, Dynamic: true},
		},
		Static: true,
	}
}

// TestCluster: three members of a group join, leave, crash and come back; every record is
// delivered and no partition has two owners.
func TestCluster(t *testing.T) { groups.Cluster(t, &shared, members(t)) }

// TestBroadcast: every member of a broadcasting group gets every record, and goes on where it
// was.
func TestBroadcast(t *testing.T) { groups.Broadcast(t, &shared, members(t)) }

// TestRewindCommand: mainstem group rewind takes members at work to an offset, to a time, so many
// back, and undoes it.
func TestRewindCommand(t *testing.T) { groups.Rewind(t, &shared, members(t)) }

// TestMigrate: members of the classic protocol are replaced by members of the consumer protocol
// at work, and back.
func TestMigrate(t *testing.T) { groups.Migrate(t, &shared, members(t)) }
