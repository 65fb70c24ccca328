package cli

import (
	"errors"
	"fmt"
	"time"
)

// SpanFlag is a flag for a span of time, which is not negative.
type SpanFlag time.Duration

// String implements pflag.Value.
func (f *SpanFlag) String() string {
	if *f == 0 {
		return "" // so that it is not shown as a default
	}
	return time.Duration(*f).String()
}

// Type implements pflag.Value.
func (f *SpanFlag) Type() string { return "duration" }

// Set implements pflag.Value.
func (f *SpanFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	switch _, seconds := time.ParseDuration(text + "s"); {
	case err != nil && seconds == nil:
		return fmt.Errorf("it has no unit; write %ss for seconds (units: ms, s, m, h)", text)
	case err != nil:
		return errors.New("it is not a span of time, such as 500ms, 5s or 1m30s")
	case d < 0:
		return errors.New("it is negative")
	}
	*f = SpanFlag(d)
	return nil
}
