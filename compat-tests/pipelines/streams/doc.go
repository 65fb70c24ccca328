// Package streams runs an application of Kafka Streams (testdata/App.java) with
// exactly_once_v2: it counts orders by account, in RocksDB, behind a repartition topic.
// The broker is killed, the application is killed and its state on disk deleted, and
// each order must be counted once.
//
// Files in reading order: main_test.go (the shared broker), app_test.go (the
// application), orders_test.go (its input), balances_test.go (its output, and the check),
// check_test.go (that the check finds what is planted), streams_test.go.
package streams
