// Package librdkafka plays the scenarios of clients/groups with members that are
// librdkafka in Python (testdata/member.py), in both protocols.
package librdkafka
