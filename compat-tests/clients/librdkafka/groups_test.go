package librdkafka

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/groups"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// version is what is installed; VERSION says which librdkafka is in it.
const version = "confluent-kafka==2.16.1"

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.MainWith(m, groups.Props())) }

func client(t *testing.T) *groups.Client {
	t.Helper()
	testbroker.Quick(t)
	python, err := harness.Python(testbroker.Context(t, 5*time.Minute), version)
	if err != nil {
		t.Fatal(err)
	}
	return &groups.Client{
		Command: []string{python, filepath.Join("testdata", "member.py")},
		Flavours: []groups.Flavour{
			{Protocol: groups.Classic, Assignor: "range"},
			{Protocol: groups.Classic, Assignor: "cooperative-sticky", Tied: true},
			{Protocol: groups.Consumer},
		},
		Static: true,
	}
}

func TestCluster(t *testing.T) { groups.Cluster(t, &shared, client(t)) }

func TestBroadcast(t *testing.T) { groups.Broadcast(t, &shared, client(t)) }

func TestRewind(t *testing.T) { groups.Rewind(t, &shared, client(t)) }

func TestMigrate(t *testing.T) { groups.Migrate(t, &shared, client(t)) }
