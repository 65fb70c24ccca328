// Package flink runs a job of Apache Flink (testdata/Job.java), with its own cluster in
// one process: from a KafkaSource, by a count for each key in keyed state, to a KafkaSink
// that is exactly once. The job fails, the broker is killed, the job is killed and goes
// on from its last checkpoint, and each input must be counted once.
//
// Files in reading order: main_test.go (the shared broker), job_test.go (the job),
// visits_test.go (its input, its output, and the check), check_test.go (that the check
// finds what is planted), flink_test.go, timeout_test.go (the setting that must be made).
package flink
