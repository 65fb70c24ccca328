// Package binlog has the row changes of a MariaDB table copied to a topic, by a light
// reader (testdata/reader.py: mysql-replication and confluent-kafka, exactly once by
// transactions) and by Debezium on Kafka Connect (at least once, and exactly once),
// while the broker and the readers are killed. Each change must be in the topic, those
// of a row in their order, and the table made from the topic must be the database's.
//
// Files in reading order: main_test.go (the shared broker), mariadb_test.go (the
// database), row_test.go (what is written to it, and must be in the topic), changes_test.go
// (what is in the topic), check_test.go (that a topic that lacks something is found
// out), load_test.go (the load, and the troubles while it runs), reader_test.go, debezium_test.go.
package binlog
