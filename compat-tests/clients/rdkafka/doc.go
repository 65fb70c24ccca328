// Package rdkafka plays the scenarios of clients/everyday with rust-rdkafka (program).
package rdkafka
