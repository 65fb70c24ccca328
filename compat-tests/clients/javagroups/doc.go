// Package javagroups plays the scenarios of clients/groups with members that are
// Apache Kafka's Java consumer (testdata/Member.java), in both protocols.
package javagroups
