// Package shippers has log and metric shippers tail a file into a topic: rsyslog,
// syslog-ng and collectd of Debian, and Telegraf, built as its users build a small one.
// The broker is killed and comes back while lines are written, and the shipper is
// stopped and started. Every line must be in the topic.
//
// Files in reading order: main_test.go (the shared broker), shipper_test.go (what a
// shipper is, and how its settings are made from testdata), shippers_test.go (the
// scenario, and the shippers), number_test.go. Which lines are in the topic is for
// package tape, which shows that a loss is found.
package shippers
