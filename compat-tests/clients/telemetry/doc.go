// Package telemetry tests that clients push their metrics (KIP-714), and that an operator
// finds them where the broker's own are; and Apache Kafka's tool for subscriptions.
//
// Files: main_test.go (the broker, subscriptions, what a scrape shows), tool_test.go,
// push_test.go. allow.txt lists what must pass on Mainstem. Apache Kafka shows nothing of
// what it gets, and needs a plugin to get it: what clients push is tested on Mainstem alone.
package telemetry
