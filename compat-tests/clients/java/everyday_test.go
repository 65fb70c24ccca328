package java

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

const noConsumerProtocol = "it came with 3.7 for a try and with 4.0"

func play(t *testing.T, jars string, lacks map[everyday.Feature]string) {
	testbroker.Quick(t)
	command := program.Java(t, jars, filepath.Join("testdata", "Everyday.java"))
	everyday.Play(t, &shared, everyday.NewOf(command, lacks))
}

func Test1_1(t *testing.T) {
	play(t, "kafka-clients-1.1", map[everyday.Feature]string{
		everyday.Zstd:      "it came with 2.1",
		everyday.Increment: "it came with 2.3",
		everyday.Consumer:  noConsumerProtocol,
	})
}

func Test2_8(t *testing.T) {
	play(t, "kafka-clients-2.8", map[everyday.Feature]string{everyday.Consumer: noConsumerProtocol})
}

func Test3_9(t *testing.T) { play(t, "kafka-clients-3.9", nil) }

func Test4_2(t *testing.T) { play(t, "kafka", nil) }

func Test4_4(t *testing.T) { play(t, "kafka-clients-4.4", nil) }
