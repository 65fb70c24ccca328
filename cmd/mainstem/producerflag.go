package main

import (
	"errors"
	"strconv"
)

// producerFlag is a flag for the number of a producer; -1: it is not given.
type producerFlag int64

// String implements pflag.Value.
func (f *producerFlag) String() string {
	if *f < 0 {
		return "" // so that it is not shown as a default
	}
	return strconv.FormatInt(int64(*f), 10)
}

// Type implements pflag.Value.
func (f *producerFlag) Type() string { return "int64" }

// Set implements pflag.Value.
func (f *producerFlag) Set(text string) error {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return errors.New("it is not the number of a producer, as PRODUCER shows it in mainstem txn list --open")
	}
	*f = producerFlag(id)
	return nil
}
