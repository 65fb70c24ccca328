package segmentio

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
	everyday.Play(t, &shared, everyday.NewOf(program.Go(t, "clients/segmentio/program"), map[everyday.Feature]string{
		everyday.Idempotent: "its writer has no producer id",
		everyday.Txn:        "its writer has no producer id; it has the requests alone",
		everyday.Empty:      "it reads an empty key or value as null",
		everyday.AppendTime: "it reads the time of the producer in spite of LogAppendTime",
		everyday.Consumer:   "its members are of the classic protocol",
	}))
}
