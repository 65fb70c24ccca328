package txn

import (
	"os"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

type scenario struct {
	name    string
	play    func(*testing.T, *testbroker.Shared, Client)
	members bool // for clients that commit offsets as members
	slow    bool // waits for a timeout
}

func scenarios() []scenario {
	return []scenario{
		{name: "endings", play: Endings},
		{name: "zombie", play: Zombie},
		{name: "timeout", play: Timeout, slow: true},
		{name: "transform", play: Transform},
		{name: "members", play: Members, members: true, slow: true},
	}
}

// TestTransactions has each client play each scenario.
func TestTransactions(t *testing.T) {
	for _, c := range Clients() {
		for _, s := range scenarios() {
			if s.members && !c.Members {
				continue
			}
			t.Run(c.Name+"/"+s.name, func(t *testing.T) {
				if testing.Short() && (s.slow || !c.Quick) {
					t.Skip("not of the quick set")
				}
				s.play(t, &shared, c)
			})
		}
	}
	t.Run("turns", func(t *testing.T) {
		if testing.Short() {
			t.Skip("not of the quick set")
		}
		Turns(t, &shared, Clients())
	})
}
