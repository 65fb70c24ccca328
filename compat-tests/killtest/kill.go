package main

import (
	"fmt"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// kill kills the broker, if it still runs: a start after the kill would hide that it had ended.
func kill(b harness.Broker) error {
	if err := runs(b); err != nil {
		return err
	}
	return b.Kill()
}

// runs has an error if the broker has ended by itself.
func runs(b harness.Broker) error {
	if b.PID() == 0 {
		return fmt.Errorf("%s has ended by itself: its log %s says why", b.Target(), b.LogFile())
	}
	return nil
}
