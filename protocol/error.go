package protocol

import (
	"errors"
	"fmt"
)

// Error is a Kafka error with words for the human behind the client: what was
// refused, why, and what to do. It travels in the answer: the code always, the
// message where the version has a field for it.
type Error struct {
	Code    ErrorCode
	Message string
}

// Errorf makes an Error. The message says what, why, and what to do.
func Errorf(code ErrorCode, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Message
}

// Is makes errors.Is compare by code, so that a test or a caller can ask for
// a kind without knowing the words.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}

// CodeOf is the Kafka code of err: NoError for nil, the code of an Error found
// by errors.As, and UnknownServerError for anything else.
func CodeOf(err error) ErrorCode {
	if err == nil {
		return NoError
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return UnknownServerError
}

// MessageOf is the text for an ErrorMessage field: nil for nil, so that
// nothing is sent. An error that is not an Error keeps its words to the
// server's log, as they may name things that are no client's business.
func MessageOf(err error) *string {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) || e.Message == "" {
		s := CodeOf(err).String()
		return &s
	}
	return &e.Message
}
