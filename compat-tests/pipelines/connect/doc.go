// Package connect has Kafka Connect, distributed, read a file into a topic and write the
// topic to another file, while the broker and the worker are killed: at least once, as it
// comes, and exactly once up to the topic, with transactions of the source.
//
// Files in reading order: main_test.go (the shared broker), worker_test.go (a worker and
// its connectors, from testdata), lines_test.go (the file, and the check of what came of
// it), connect_test.go.
package connect
