// Package confluentgo plays the scenarios of clients/everyday with confluent-kafka-go
// (program, a module of its own: it needs a C compiler).
package confluentgo
