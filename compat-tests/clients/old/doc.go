// Package old tests a broker with clients from before Kafka 0.11, which write and read
// messages of magic 0 and 1 and which Kafka 4 no longer serves: producers and consumers
// of Java 0.8.2 to 0.10.2, kafka-python 2.0.2 as it was set for brokers of 0.8 to
// 0.10, and sarama as applications pin it (Telegraf's default is 0.10.2).
//
// Files: old_test.go (the scenario), java_test.go, python_test.go, sarama_test.go (the
// clients), fixtures_test.go (what protocol/legacy is tested with, made again);
// testdata has their programs. allow.txt lists what must pass on Mainstem.
package old
