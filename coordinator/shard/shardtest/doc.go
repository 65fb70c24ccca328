// Package shardtest is what the tests of both coordinators, of groups and of
// transactions, have in common: conversations written as text, and random ones.
// Only tests import it.
//
// Reading order: conversations.go (the files of testdata), arguments.go and
// names.go (what a command says), requests.go and lines.go (what happened), journal.go (what
// befalls a journal), random.go.
package shardtest
