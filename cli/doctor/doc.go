// Package doctor finds out why a client cannot connect to a Kafka broker, any one, and
// says it in words. It goes the way that a client goes, one step after the other, and
// does by itself what client libraries hide: it speaks the protocol over sockets of its
// own.
//
// Files, in reading order: doctor.go (the order of the checks), report.go (what is
// found), reach.go (names and ports), stranger.go (what listens there, if it is not
// Kafka), tls.go, peer.go (a connection), versions.go and clients.go (which clients the
// broker shuts out), metadata.go (the cluster), advertised.go (where it says that its
// brokers are) and hosts.go (what is wrong with an address by its looks), coordinator.go,
// clockcheck.go (the one check that writes, only if it is asked to).
//
// Invariant: nothing is created or written without Config.WriteTopic. Invariant: a length
// that a peer claims costs no memory before the bytes arrive, and there is a most to it.
// Invariant: what was not looked at is said not to be, and is never ok. The texts hold
// names as peers send them: who prints them sees to the terminal.
package doctor
