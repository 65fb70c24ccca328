// Package kafkajs plays the scenarios of clients/groups with members that are
// KafkaJS (testdata/member.js).
package kafkajs
