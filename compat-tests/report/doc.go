// Command report turns the events of `go test -json` into verdicts by a
// client's allow.txt, which is a ratchet: a listed test that does not pass
// fails the run, an unlisted one that passes asks to be listed, an unlisted one
// that fails is shown as a gap. On Apache Kafka every failure fails the run.
//
// What the tests said is kept in ../results, and docs/compatibility.md is made of
// that. The tests here see that both stand for what the folders have.
//
// Files in reading order: main.go, read.go (events), allow.go, judge.go; result.go (what is
// kept), checkout.go (the commit that it is of), folder.go (a client: its version, the titles of its tests), findings.go,
// matrix.go (what is wrong with results), page.go.
package main
