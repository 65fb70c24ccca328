package protocol

import (
	"errors"
	"fmt"
	"testing"
)

func TestErrorCodes(t *testing.T) {
	for _, c := range []struct {
		code      ErrorCode
		number    int16
		name      string
		retriable bool
	}{
		{UnknownServerError, -1, "UNKNOWN_SERVER_ERROR", false},
		{NoError, 0, "NONE", false},
		{UnknownTopicOrPartition, 3, "UNKNOWN_TOPIC_OR_PARTITION", true},
		{UnsupportedVersion, 35, "UNSUPPORTED_VERSION", false},
		{InvalidRequest, 42, "INVALID_REQUEST", false},
		{KafkaStorageError, 56, "KAFKA_STORAGE_ERROR", true},
		{MemberIDRequired, 79, "MEMBER_ID_REQUIRED", false},
		{FencedInstanceID, 82, "FENCED_INSTANCE_ID", false},
		{InvalidRecord, 87, "INVALID_RECORD", false},
		{UnknownTopicID, 100, "UNKNOWN_TOPIC_ID", true},
		{StaleMemberEpoch, 113, "STALE_MEMBER_EPOCH", false},
		{ShareSessionLimitReached, 133, "SHARE_SESSION_LIMIT_REACHED", true},
		{500, 500, "ERROR_CODE_500", false},
		{-2, -2, "ERROR_CODE_-2", false},
	} {
		if int16(c.code) != c.number || c.code.String() != c.name || c.code.Retriable() != c.retriable {
			t.Errorf("%d is %s, retriable %v; want %d, %s, %v", c.code, c.code, c.code.Retriable(), c.number, c.name, c.retriable)
		}
	}
}

func TestErrorInChains(t *testing.T) {
	refused := Errorf(PolicyViolation, "%d is too many", 5)
	wrapped := fmt.Errorf("creating: %w", refused)
	if got := wrapped.Error(); got != "creating: POLICY_VIOLATION: 5 is too many" {
		t.Error(got)
	}
	if CodeOf(wrapped) != PolicyViolation || *MessageOf(wrapped) != "5 is too many" {
		t.Errorf("%v, %v", CodeOf(wrapped), *MessageOf(wrapped))
	}
	if !errors.Is(wrapped, &Error{Code: PolicyViolation}) || errors.Is(wrapped, &Error{Code: InvalidConfig}) {
		t.Error("errors.Is does not compare by code")
	}
	if CodeOf(nil) != NoError || MessageOf(nil) != nil {
		t.Error("no error has a code or a message")
	}
	if disk := errors.New("/secret/path: EIO"); CodeOf(disk) != UnknownServerError || *MessageOf(disk) != "UNKNOWN_SERVER_ERROR" {
		t.Error("words that are no client's business got out")
	}
}

func TestKeyNames(t *testing.T) {
	for key, want := range map[Key]string{
		KeyProduce: "Produce", KeyInitProducerID: "InitProducerId", KeyDeleteShareGroupOffsets: "DeleteShareGroupOffsets",
		93: "ApiKey(93)", -1: "ApiKey(-1)",
	} {
		if got := key.String(); got != want {
			t.Errorf("%d is %s, want %s", int16(key), got, want)
		}
	}
}
