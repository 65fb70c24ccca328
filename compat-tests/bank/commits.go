package bank

import "sync"

// commits are those that clerks wait for. A kill that meets none of them shows little.
type commits struct {
	mu struct {
		sync.Mutex
		asked   int64              // How many were asked for so far, which is the number of the newest.
		before  int64              // How many when the broker was about to be killed.
		waiting map[int64]struct{} // No answer yet.
		kills   int                // That met one or more.
		met     int
	}
}

func newCommits() *commits {
	c := &commits{}
	c.mu.waiting = map[int64]struct{}{}
	return c
}

// follow asks for one, and waits for the answer.
func (c *commits) follow(ask func() error) error {
	c.mu.Lock()
	c.mu.asked++
	n := c.mu.asked
	c.mu.waiting[n] = struct{}{}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.mu.waiting, n)
	}()
	return ask()
}

// killing notes that the broker is about to be killed.
func (c *commits) killing() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.before = c.mu.asked
}

// killed notes that the broker is dead. What was asked for before, and has no answer yet,
// was under way; what was asked for later may never have got to it.
func (c *commits) killed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	met := 0
	for n := range c.mu.waiting {
		if n <= c.mu.before {
			met++
		}
	}
	c.mu.met += met
	if met > 0 {
		c.mu.kills++
	}
}

// count is how many kills met one or more, and how many commits that were.
func (c *commits) count() (kills, met int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.kills, c.mu.met
}
