// Package pipelines has one folder for each program that moves or reckons with records:
// stream processors, connectors, readers of binlogs, log shippers, mirrors. Each folder
// has one real job or a few, with the settings that docs/clients shows, its tests, its
// allow.txt (the ratchet, see ../README.md), its pinned VERSION and a README.md.
//
// What all have in common: the job runs as processes of its own while its input is
// written; the broker is killed (kill -9) and comes back in the middle, and so is the
// job itself; then what it has written is compared with what was there to read, record
// by record. The check of each is shown to find a loss and a duplicate that are planted. The
// tests pass on Apache Kafka, too, if it has what they need.
//
// tape: what is in a topic, for the tests of all.
package pipelines
