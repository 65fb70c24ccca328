// Package sarama plays the scenarios of clients/everyday with sarama (program), at the
// version of go.mod. Its transactions are in clients/txn too, its old settings in clients/old.
package sarama
