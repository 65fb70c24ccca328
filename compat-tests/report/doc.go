// Command report turns the events of `go test -json` into verdicts by a
// client's allow.txt, which is a ratchet: a listed test that does not pass
// fails the run, an unlisted one that passes asks to be listed, an unlisted one
// that fails is shown as a gap. On Apache Kafka every failure fails the run.
package main
