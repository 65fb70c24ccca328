// Command logfill makes a log large for the benchmark: it appends to what a
// stopped broker left, with the log's own code, batches that are nearly all
// zeros, to files that have holes instead of these.
//
//	logfill --data-dir DIR --partitions 17,18 --bytes 1000000000000
//
// Every byte reads as the log wrote it, and the CRCs are those of the bytes, so
// that a broker starts on it as on any log. Only the disk stores less: about a
// block for each batch. Nothing is synced: it is for benchmarks, which end with
// the machine.
//
// Files in reading order: main.go (flags), fill.go (the appends), holes.go (the
// file system that leaves zeros out).
//
// Goroutines: those of package log; appends are made by the main goroutine.
package main
