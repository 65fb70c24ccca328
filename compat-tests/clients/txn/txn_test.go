package txn

import (
	"os"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// TestTransactions has each client play each scenario.
func TestTransactions(t *testing.T) {
	served, err := harness.Advertises(shared.Addr(), harness.AddPartitionsToTxn)
	if err != nil {
		t.Fatal(err)
	}
	if !served {
		t.Skip("NOT TESTED: the broker does not serve transactions")
	}
	scenarios := []struct {
		name string
		play func(*testing.T, *testbroker.Shared, Client)
	}{{"endings", Endings}, {"zombie", Zombie}, {"timeout", Timeout}, {"transform", Transform}}
	for _, c := range Clients() {
		for _, s := range scenarios {
			t.Run(c.Name+"/"+s.name, func(t *testing.T) { s.play(t, &shared, c) })
		}
		if c.Members {
			t.Run(c.Name+"/members", func(t *testing.T) { Members(t, &shared, c) })
		}
	}
}
