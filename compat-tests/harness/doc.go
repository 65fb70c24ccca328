// Package harness starts one broker as a separate process, Mainstem or Apache
// Kafka, and looks at it from outside: over TCP and through /proc.
//
// Files in reading order: broker.go (what a test sees), process.go (one child
// process with its log), mainstem.go and kafka.go (the two targets), jars.go
// (Apache Kafka from Maven Central), conn.go (a bare connection), txnbatch.go (what
// no client would send), advertised.go (what a broker offers), ready.go (when a broker counts as up), usage.go (what
// a process costs), tools.go (kcat and Kafka's command line tools), packages.go
// (client libraries from their registries, programs that use them), gomodule.go, cargo.go, registries.go and
// debian.go (programs of others, from Maven, Go modules and Debian), dirs.go
// (cache, scratch directories, free ports).
//
// Goroutines: one per running process, which waits for its end (process.go),
// and one per Sampler, ended by Sampler.Stop (usage.go). Children are killed by
// the kernel if the test process dies.
package harness
