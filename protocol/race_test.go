//go:build race

package protocol

// memoryFactor: the race detector takes memory too, and keeps the compiler from
// appending without a temporary slice, so this build shows gross mistakes only.
const memoryFactor = 16
