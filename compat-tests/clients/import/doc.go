// Package importing has the tests of mainstem import: topics of Apache Kafka are copied
// to Mainstem, and what clients are given by both is compared, offset by offset.
//
// import_test.go has the tests; cluster_test.go starts the two brokers and the command,
// source_test.go fills the source, same_test.go compares, readers_test.go has other clients
// read the copy, differ_test.go forges copies.
package importing
