// Package connect runs a worker of Kafka Connect, of Apache Kafka's jars, and asks its
// REST interface (worker.go).
//
// Goroutines: one per worker that runs, which waits for its end.
package connect
