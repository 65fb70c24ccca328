package model

import (
	"crypto/rand"
	"encoding/base64"
)

// Offset is a record's number inside its partition: Kafka's word.
type Offset int64

// LeaderEpoch counts the leaderships of one partition; it never falls
// (KIP-101, KIP-320). -1 means "not known".
type LeaderEpoch int32

// BrokerID is Kafka's node id.
type BrokerID int32

// PartitionID names a partition on disk, in every CommitLog of the cluster.
// It is given once by the metadata and never reused, so bytes of a deleted
// topic can never be read as a new one's. 0 is never given.
type PartitionID uint32

// ProducerID is the idempotent producer's number (KIP-98); -1 means none.
type ProducerID int64

// ProducerEpoch fences earlier incarnations of a producer id; -1 means none.
type ProducerEpoch int16

// TopicID is a topic's UUID (KIP-516). The zero value means "no id".
type TopicID [16]byte

// TopicPartition is a partition by the names a client uses.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// NewTopicID draws a random id that, like Kafka's, never starts with a dash
// (command-line tools would take it for a flag) and is never a reserved value.
func NewTopicID() TopicID {
	for {
		var id TopicID
		// crypto/rand.Read never fails since Go 1.24: it crashes the process instead.
		_, _ = rand.Read(id[:])
		id[6] = id[6]&0x0f | 0x40 // version 4
		id[8] = id[8]&0x3f | 0x80 // RFC 4122 variant
		if id.String()[0] != '-' {
			return id
		}
	}
}

// IsZero reports whether the id is absent.
func (id TopicID) IsZero() bool { return id == TopicID{} }

// String is the 22-character URL-safe base64 that Kafka prints.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }
