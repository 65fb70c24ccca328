// Package cli holds the everyday commands of a Kafka user: topics, and what is in
// them. It is a client of any Kafka broker, and knows nothing of how this one is built.
//
// Files, in reading order: shell.go (what the room needs of its process), flags.go and
// spanflag.go (what all commands have in common), client.go (a connection), errors.go (what is said when
// there is none, or a broker refuses), cluster.go (which topics there are), offsets.go
// (where they begin and end), topic.go (create, delete), topicdescribe.go (list,
// describe), topicconfig.go (settings). Then consume.go (its flags), where.go (places in
// a partition), format.go and jsonrecord.go (how a record is printed), recordwriter.go,
// span.go (what is to be read, and when its end is reached), reader.go (partitions),
// groupreader.go (a member of a group). Then produce.go (its flags), parser.go (from a
// line to a record), input.go (from files to lines), producer.go (sending, and what
// became of it), unwritten.go (why a broker takes nothing). bench.go (flags, and topics of its own), benchload.go (writing
// and reading), benchmany.go and benchrow.go (what is counted). import.go and importreport.go
// are about the room importer, which copies topics with their offsets. doctor.go prints what the
// room doctor finds. Last complete.go (the tab key), progress.go, table.go and words.go
// (output).
//
// Invariant: what brokers and records hold is printed so that a terminal obeys none of
// it. Invariant: every error of a broker is shown with its Kafka name, and every error
// of the command line is a UsageError. Invariant: nothing is changed before the command
// line was read as a whole. Invariant: a record that was read from the input is
// acknowledged, or the command fails and names the first that is not. Invariant: a group
// has committed nothing that was not printed.
//
// Goroutines: one that reads input, which ends with the process, as a read of a terminal
// cannot be called off (input.go); one that watches for records without an outcome, for
// which writeAll waits (producer.go); those that bench writes and reads with, for which it
// waits; those of the client end with its Close.
package cli
