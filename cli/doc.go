// Package cli holds the everyday commands of a Kafka user: topics, and what is in
// them. It is a client of any Kafka broker, and knows nothing of how this one is built.
//
// Files, in reading order: shell.go (what the room needs of its process), flags.go (what
// all commands have in common), client.go (a connection), errors.go (what is said when
// there is none, or a broker refuses), cluster.go (which topics there are), offsets.go
// (where they begin and end), topic.go (create, delete), topicdescribe.go (list,
// describe), topicconfig.go (settings), complete.go (the tab key), table.go and words.go
// (output).
//
// Invariant: what brokers and records hold is printed so that a terminal obeys none of
// it. Invariant: every error of a broker is shown with its Kafka name, and every error
// of the command line is a UsageError. Invariant: nothing is changed before the command
// line was read as a whole.
//
// No goroutines of its own; those of the client end with its Close.
package cli
