package importer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// refusal is an error code of a broker, with its own words if it has any.
type refusal struct {
	side, of string
	code     int16
	text     string
}

// refused makes an error of a code; nil if it is none.
func (s *side) refused(of string, code int16, message *string) error {
	if code == 0 {
		return nil
	}
	r := refusal{side: s.name, of: of, code: code}
	if message != nil {
		r.text = *message
	}
	return r
}

// Error implements error.
func (r refusal) Error() string {
	known := kerr.TypedErrorForCode(r.code)
	text := r.text
	if text == "" {
		text = known.Description
	}
	return fmt.Sprintf("%s, %s: %s (%s)", r.side, r.of, strings.TrimSuffix(text, "."), known.Message)
}

// Is makes errors.Is(err, kerr.X) work.
func (r refusal) Is(target error) bool { return errors.Is(kerr.ErrorForCode(r.code), target) }

// again is an error that may be over the next time.
type again struct{ error }

// Unwrap is for errors.Is and errors.As.
func (a again) Unwrap() error { return a.error }

// failed is the error of a request that had no answer.
func (s *side) failed(what string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return again{fmt.Errorf("%s: %s: %w", s.name, what, s.Explain(err))}
}

// retriable reports whether to try again.
func retriable(err error) bool {
	var r refusal
	if errors.As(err, &r) {
		return kerr.TypedErrorForCode(r.code).Retriable || r.code == kerr.OffsetOutOfRange.Code || r.code == kerr.UnknownTopicID.Code
	}
	return errors.As(err, new(again))
}
