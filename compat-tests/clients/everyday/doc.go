// Package everyday has the scenarios of everyday use, which all clients of the matrix
// play: records with each codec, topics and their configs, offsets by time, a group that
// goes on after the broker was killed, transactions. What a client wrote is read by
// franz-go, and what franz-go wrote by the client.
//
// A client is a small program, as in package txn. It takes the argument
// bootstrap=HOST:PORT, and leaves all that it is not told as the library has it. On
// stdin it takes commands, one a line, and answers each on stdout by one JSON object:
// "ok", or "error" with a text, which is an answer like any other: the program goes on.
//
//	produce TOPIC CODEC IDEMPOTENT RECORD...  and waits until all are acknowledged; the same
//	                                   producer for the same codec and kind
//	transact TOPIC ID ENDING RECORD... the same in one transaction; ENDING is commit or abort
//	read TOPIC PARTITIONS COUNT LEVEL  the first COUNT "records" from the start of each of
//	                                   partitions 0 to PARTITIONS-1; LEVEL is committed or uncommitted
//	join TOPIC GROUP PROTOCOL          a consumer of a group, from the start; classic or consumer
//	take COUNT                         the next COUNT "records" of it
//	commit                             what was taken, and waits for the answer
//	leave                              the group
//	create TOPIC PARTITIONS NAME=VALUE a topic with a config
//	list                               "topics"
//	describe TOPIC                     "partitions": their number
//	config TOPIC NAME                  "value"
//	alter TOPIC NAME=VALUE             one config; the others stay
//	grow TOPIC PARTITIONS
//	delete TOPIC
//	offset TOPIC PARTITION TIME        "offset": of the first record of that time (ms) or
//	                                   later, or TIME is earliest or latest; -1: there is none
//
// A RECORD is PARTITION|TIMESTAMP|KEY|VALUE|NAME=VALUE,NAME=VALUE: no spaces in it, "-"
// for a key or value that is null, and none of the NAME=VALUE for no headers.
//
// What programs in Go have in common is in commands, those in Python in python, those in
// JavaScript in javascript, those in Rust in rust.
//
// Files in reading order: client.go (a client, and what it lacks), play.go (all
// scenarios), session.go (one process), record.go (what is written, and the check of what is read), produce.go,
// admin.go, resume.go, txn.go (the scenarios), check_test.go (the check finds what is planted).
package everyday
