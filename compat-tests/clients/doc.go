// Package clients has one folder for each client program, with its tests, its
// allow.txt (the ratchet, see ../README.md) and a README.md.
package clients
