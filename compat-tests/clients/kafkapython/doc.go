// Package kafkapython plays the scenarios of clients/groups with members that
// are kafka-python (testdata/member.py).
package kafkapython
