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

func TestCluster(t *testing.T) { groups.Cluster(t, &shared, client(t)) }

func TestBroadcast(t *testing.T) { groups.Broadcast(t, &shared, client(t)) }

func TestRewind(t *testing.T) { groups.Rewind(t, &shared, client(t)) }

func TestMigrate(t *testing.T) { groups.Migrate(t, &shared, client(t)) }
