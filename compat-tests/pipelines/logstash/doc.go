// Package logstash has what Logstash's kafka input and output do done by a program in
// Java (testdata/Logstash.java) with their versions of the Kafka client and their default
// settings, from one topic to another, while the broker is killed. Logstash itself is in
// no registry that this project uses.
//
// Files in reading order: main_test.go (the shared broker), settings_test.go (from
// testdata/logstash.conf to the properties of the clients), topic_test.go (which events
// are in a topic, by package tape, which shows that a loss is found), logstash_test.go.
package logstash
