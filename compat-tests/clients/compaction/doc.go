// Package compaction tests what readers of compacted topics get: which records
// are left, at which offsets, once the broker has compacted them. The same
// records are written by franz-go or by Kafka's Java producer, and read by both.
// What must be left is Kafka's: each test passes on Apache Kafka.
//
// Files in reading order: main_test.go (the shared broker, clients),
// scenario_test.go (what is written, and what must be left), java_test.go (the
// Java clients, testdata/Records.java), kcat_test.go, compaction_test.go,
// connect_test.go (the internal topics of a worker of Kafka Connect). allow.txt lists what must pass on Mainstem.
package compaction
