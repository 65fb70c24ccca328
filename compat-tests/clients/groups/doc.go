// Package groups has the scenarios that all clients of consumer groups play: a
// client is a small program, started once for each member, that joins a group
// and prints what happens to it.
//
// A member program takes KEY=VALUE arguments: bootstrap, group, topic, protocol
// (classic or consumer), assignor (range, cooperative-sticky, or what else the
// client has; none with the consumer protocol), session and heartbeat (ms),
// reset (earliest or latest), and instance if the member is static. It leaves
// everything else as the client has it, its client id above all, but commits by
// itself every 200 ms. On stdin it takes "go" (join), "stop" (leave and end) and
// "pace N" (take N ms for each record); it ends when stdin does. On stdout it prints one
// JSON object a line: when by the monotonic clock of the machine ("at", ns), the
// "event" and what it is about:
//
//	ready                     the program has started, and waits for "go"
//	assigned, revoked, lost   partitions that came or went, and the generation (-1: not shown)
//	record                    partition, offset, value
//	committed                 offsets by partition
//	error                     text; the member goes on
//	closing, closed           on its way out
//
// What programs in Python have in common is in python/scenario.py.
//
// Files in reading order: client.go (what a client is and has), installed.go
// (clients that are installed), event.go,
// member.go (one process), world.go (a group with its topic and members, and
// how scenarios wait), load.go (what is produced), ledger.go (what was
// delivered), owners.go (who owned what, and when), resume.go (where members went on),
// cluster.go, broadcast.go, rewind.go, migrate.go (the scenarios), again.go (what a
// rewind delivers again). Scenarios wait for what they want to see, each with
// a deadline, and never for time to pass.
//
// Goroutines: those of the processes of members (clients/child);
// one for a load, ended by its stop (load.go).
package groups
