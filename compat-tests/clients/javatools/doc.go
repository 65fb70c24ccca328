// Package javatools tests a broker with Apache Kafka's own command line tools,
// each run as a process.
//
// Files in reading order: main_test.go (the shared broker, how a tool is run),
// tools_test.go, cluster_test.go, transactions_test.go, more_test.go
// (what is verifiable, resets of Streams, and what is not served). allow.txt lists what must pass on Mainstem.
package javatools
