package main

import (
	"fmt"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// kill kills the broker. One that does not run any more has ended by itself, which
// a start after the kill would hide.
func kill(b harness.Broker) error {
	if b.PID() == 0 {
		return fmt.Errorf("%s had ended by itself before it was killed: its log %s says why", b.Target(), b.LogFile())
	}
	return b.Kill()
}
