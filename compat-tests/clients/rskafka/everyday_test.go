package rskafka

import (
	"os"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

func TestEveryday(t *testing.T) {
	testbroker.Quick(t)
	command := program.Cargo(t, "program", "everyday-rskafka")
	const (
		groups = "it reads partitions by offset, and has no groups"
		admin  = "it makes, lists and deletes topics, and no more"
	)
	everyday.Play(t, &shared, everyday.NewOf(command, map[everyday.Feature]string{
		everyday.HeaderSeq:  "it sorts headers by name",
		everyday.AppendTime: "it reads the time of the producer in spite of LogAppendTime",
		everyday.Idempotent: "it writes without a producer id",
		everyday.Txn:        "it has no transactions",
		everyday.Create:     "it cannot say a new topic's configs",
		everyday.Configs:    admin,
		everyday.Alter:      admin,
		everyday.Grow:       admin,
		everyday.Classic:    groups,
		everyday.Consumer:   groups,
	}))
}
