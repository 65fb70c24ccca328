package main

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// idleMost is the part of a core that a broker may use while the other one is
// measured; one that uses more is stopped for that time.
const idleMost = 0.01

// alone runs do while no other broker uses the processor. A stopped broker has
// no clients, so that nobody misses it.
func alone(stands []*stand, s *stand, do func() error) (err error) {
	for _, other := range stands {
		if other == s || other.idle <= idleMost {
			continue
		}
		pid := other.broker.PID()
		if pid == 0 {
			return fmt.Errorf("%s has ended; log: %s", other.target, other.broker.LogFile())
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return fmt.Errorf("stop %s for a while: %w", other.target, err)
		}
		defer func() { err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT)) }()
	}
	// What it put off while it was stopped is not part of its round.
	if err := s.quiet(); err != nil {
		return err
	}
	return do()
}

// sharedProps keep a broker that is stopped for minutes a member of its own
// cluster: Kafka's controller, in the same process, would find it dead.
func sharedProps(target harness.Target) map[string]string {
	props := harness.TestProps()
	if target == harness.Kafka {
		props["broker.session.timeout.ms"] = "86400000"
	}
	return props
}
