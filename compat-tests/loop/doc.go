// Package loop holds a broker to exactly once: records of one topic are copied to
// another one by workers of a group, programs of a client (clients/txn), each copy in a
// transaction with the offsets of what was copied, while the broker may be killed. A
// worker that can not go on is started again with its transactional id, as a user would;
// now and then one crashes, or is away for longer than its session and comes back.
//
// Each record that is written to the input stands in the output once, in its partition and
// in its order, for whoever reads committed, at any time; at the end none is missing. The
// output's last stable offsets do not stand still for longer than a transaction may take.
//
// Files in reading order: tape.go (what an observer reads, and the check), filler.go (what
// writes the input), worker.go (one that copies), trouble.go (what happens to workers),
// loop.go (all of it together); tape_test.go plants what the check must find.
//
// Goroutines: the filler, one per worker (and those of its process), one that troubles
// them, an observer of each topic, and one that looks at last stable offsets; all ended
// by Loop.Stop, or by the first that finds the broker wrong.
package loop
