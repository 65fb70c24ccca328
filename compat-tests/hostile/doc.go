// Package hostile does to a broker what no client should: half-open connections
// by the hundred, other protocols, frames that lie, answers nobody reads, a kill
// in the midst of a shutdown. Each test then asks whether the others are
// unharmed, and on Mainstem whether log and metrics say what happened.
//
// Files in reading order: main_test.go (the shared broker and what all tests
// ask of it), bytes_test.go (what is not Kafka's protocol), slow_test.go
// (clients that stall), kill_test.go. allow.txt lists what must pass on Mainstem.
package hostile
