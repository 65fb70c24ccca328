package bank

import (
	"testing"
	"testing/synctest"
)

// TestCommits: a kill meets what was asked for before it, and not answered.
func TestCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommits()
		answer := make(chan struct{})
		ask := func() {
			go func() {
				_ = c.follow(func() error { <-answer; return nil })
			}()
			synctest.Wait()
		}
		want := func(kills, met int) {
			t.Helper()
			if k, m := c.count(); k != kills || m != met {
				t.Errorf("%d kills met %d commits, want %d and %d", k, m, kills, met)
			}
		}
		c.killing()
		ask() // too late for this kill
		c.killed()
		want(0, 0)
		ask()
		c.killing()
		answer <- struct{}{} // in time
		synctest.Wait()
		c.killed()
		want(1, 1)
		close(answer)
		synctest.Wait()
		c.killing()
		c.killed()
		want(1, 1)
	})
}
