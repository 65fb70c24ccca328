package cluster

import (
	"github.com/mainstem-mq/mainstem/protocol"
)

// TopicNameLengthMax is Kafka's limit: a name plus a partition number used to
// have to fit a directory name, and tools rely on it.
const TopicNameLengthMax = 249

// The topics that the broker keeps for itself.
const (
	OffsetsTopic           = "__consumer_offsets"
	TransactionsTopic      = "__transaction_state"
	internalTopicsReadable = OffsetsTopic + ", " + TransactionsTopic
)

// IsInternalTopic reports whether a name belongs to the broker: clients may
// read such topics but neither create, delete nor write to them.
func IsInternalTopic(name string) bool { return name == OffsetsTopic || name == TransactionsTopic }

// ValidateTopicName checks a name by Kafka's rules; the error is an
// INVALID_TOPIC_EXCEPTION that says which rule was broken.
func ValidateTopicName(name string) error {
	switch {
	case name == "":
		return badTopic("A topic name must not be empty.")
	case name == "." || name == "..":
		return badTopic("A topic cannot be named %q; choose another name.", name)
	case len(name) > TopicNameLengthMax:
		return badTopic("The topic name is %d characters long; at most %d are allowed: %.60s...",
			len(name), TopicNameLengthMax, name)
	}
	for i := range len(name) {
		if !topicNameByte(name[i]) {
			return badTopic("Topic name %q contains %q; only ASCII letters, digits, '.', '_' and '-' are allowed.",
				name, runeAt(name, i))
		}
	}
	return nil
}

func topicNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

func runeAt(s string, i int) rune {
	for _, r := range s[i:] {
		return r
	}
	return 0
}

// ValidateNewTopicName also checks the name against what exists, as Kafka does
// at creation.
func (i *Image) ValidateNewTopicName(name string) error {
	if err := ValidateTopicName(name); err != nil {
		return err
	}
	if _, ok := i.Topic(name); ok {
		return protocol.Errorf(protocol.TopicAlreadyExists, "Topic '%s' already exists.", name)
	}
	if other, ok := i.colliding(name); ok {
		return badTopic("Topic '%s' collides with the existing topic '%s': names that differ only in '.' and '_' "+
			"cannot be told apart in metrics; choose another name.", name, other)
	}
	return nil
}

// ProtectInternalTopic refuses a client's change to one of the broker's topics.
func ProtectInternalTopic(name, action string) error {
	if !IsInternalTopic(name) {
		return nil
	}
	return badTopic("Topic '%s' is one of the broker's own (%s): a client cannot %s it.",
		name, internalTopicsReadable, action)
}

func badTopic(format string, args ...any) error {
	return protocol.Errorf(protocol.InvalidTopicException, format, args...)
}
