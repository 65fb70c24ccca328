// Package mirrormaker has MirrorMaker 2 mirror a topic from Apache Kafka to the broker
// under test, and another one back, while the broker and MirrorMaker are killed. The
// mirrors must have the records of the originals, each once and in order, and their
// settings; a consumer group that read the original goes on with the mirror, and misses
// nothing.
//
// Files in reading order: main_test.go (the shared broker), mirror_test.go (MirrorMaker,
// from testdata), topic_test.go (an original and its mirror), same_test.go (the
// comparison, and that it finds what is planted), group_test.go (a consumer that moves),
// mirrormaker_test.go.
package mirrormaker
