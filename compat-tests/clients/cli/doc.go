// Package cli has the tests of the commands of mainstem that are for any Kafka broker:
// topic, produce, consume, bench and doctor. They also run on Apache Kafka, which is slower
// to know what it was told.
//
// cli_test.go runs commands; topic_test.go, records_test.go, bench_test.go and
// doctor_test.go are of the commands they are named after.
package cli
