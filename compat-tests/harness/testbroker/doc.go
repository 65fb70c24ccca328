// Package testbroker gives the tests of one package a broker to share: Main
// starts the one that TARGET names before the first test and removes it after
// the last one.
package testbroker
