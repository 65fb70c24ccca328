//go:build !race

package protocol

// memoryFactor is how much more than reckoned with a test build takes.
const memoryFactor = 1
