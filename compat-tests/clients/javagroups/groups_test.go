package javagroups

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
	return &groups.Client{
		Command: program.Java(t, "kafka", filepath.Join("testdata", "Member.java")),
		Flavours: []groups.Flavour{
			{Protocol: groups.Classic, Assignor: "range"},
			// Goes on delivering while it rebalances, and commits before that only.
			{Protocol: groups.Classic, Assignor: "cooperative-sticky", Repeats: true},
			// In 4.2.0 poll may deliver records of a partition after the commit that
			// comes before its loss (KAFKA-20332, mended later): seldom, so that a
			// strict run passes at times.
			{Protocol: groups.Consumer, Repeats: true},
		},
		Static: true,
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

// TestMigrate: members of the classic protocol are replaced by members of the consumer protocol
// at work, and back.
func TestMigrate(t *testing.T) { groups.Migrate(t, &shared, client(t)) }
