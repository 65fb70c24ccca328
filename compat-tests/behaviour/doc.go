// Package behaviour holds conversations on the wire as text: recorded against
// Apache Kafka, replayed against Mainstem, so that error codes, special values
// and defaults are Kafka's and not our reading of them.
//
// A file under testdata is one conversation; README.md lists the commands.
// Files in reading order: behaviour_test.go (one file is one test), talk.go
// (the commands), restart.go (a broker of a conversation's own), conn.go
// (frames), text.go (text to request), show.go (response to text, with what may
// differ masked), batch.go (record batches, whole and broken).
package behaviour
