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

func TestCluster(t *testing.T) { groups.Cluster(t, &shared, members(t)) }

func TestBroadcast(t *testing.T) { groups.Broadcast(t, &shared, members(t)) }

func TestRewindCommand(t *testing.T) { groups.Rewind(t, &shared, members(t)) }

func TestMigrate(t *testing.T) { groups.Migrate(t, &shared, members(t)) }
