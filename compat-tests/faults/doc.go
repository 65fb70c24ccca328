// Package faults does to a broker's disk what happens to disks, and asks two
// things each time: does all go on that can, and is the operator told what is
// wrong and what to do, in the words that the documentation promises.
//
// Files in reading order: disk_test.go (a broker on a small file system of its
// own), kept_test.go (the topic that must be there afterwards), low_test.go,
// full_test.go, grow_test.go, relocate_test.go and kill_test.go (a disk that gets full),
// stall_test.go (one that does not answer), files_test.go (files that are
// missing or of a newer version), damage_test.go (flipped bits). allow.txt lists
// what must pass.
package faults
