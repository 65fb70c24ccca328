// Package segmentio plays the scenarios of clients/everyday with segmentio/kafka-go
// (program), at the version of go.mod.
package segmentio
