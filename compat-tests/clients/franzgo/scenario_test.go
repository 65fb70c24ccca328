package franzgo

import (
	"path"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/groups"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// members are processes of ./member, for the scenarios that all clients play.
func members(t *testing.T) *groups.Client {
	t.Helper()
	testbroker.Quick(t)
	program, err := harness.GoProgram(testbroker.Context(t, 5*time.Minute), path.Join("clients", "franzgo", "member"))
	if err != nil {
		t.Fatal(err)
	}
	return &groups.Client{
		Command: []string{program},
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
