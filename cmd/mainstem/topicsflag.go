package main

import "strings"

// topicsFlag is a flag for names of topics, with commas or given several times.
// Blanks around a name are left out, as no name has any. Given empty it is a list
// of none, which is not the same as none given.
type topicsFlag []string

// String implements pflag.Value.
func (f *topicsFlag) String() string { return strings.Join(*f, ",") }

// Type implements pflag.Value.
func (f *topicsFlag) Type() string { return "strings" }

// Set implements pflag.Value.
func (f *topicsFlag) Set(text string) error {
	if *f == nil {
		*f = topicsFlag{}
	}
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			*f = append(*f, name)
		}
	}
	return nil
}
