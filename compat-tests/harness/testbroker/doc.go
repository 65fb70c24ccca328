// Package testbroker gives the tests of one package a broker to share: Main
// starts the one that TARGET names before the first test and removes it after
// the last one.
//
// Files: testbroker.go (the broker, and how tests wait), client.go (franz-go's
// client of it, and topics).
package testbroker
