// Package commands is what the programs in Go have in common: KEY=VALUE arguments,
// commands on stdin, one JSON line on stdout for each. See ../doc.go.
package commands

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Worker is a client that does what it is told.
type Worker interface {
	Init() error
	Begin() error
	Send(topic string, partition int32, values []string) error
	Take() (count int, err error)
	Offsets() error
	Commit() error
	Abort() error
	// Read gives each record to got, which tells whether more are wanted.
	Read(topic string, partitions int32, committed bool, got func(Record) (more bool)) error
}

// Record is one that was read.
type Record struct {
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Value     string `json:"value"`
}

// Flags are a program's arguments.
type Flags map[string]string

// Millis is a flag that is a time.
func (f Flags) Millis(name string) time.Duration {
	n, err := strconv.Atoi(f[name])
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

// Answer is what a program says to a command: it is OK, or has an error.
type Answer struct {
	OK      bool     `json:"ok,omitempty"`
	Error   string   `json:"error,omitempty"`
	Count   int      `json:"count"`
	Records []Record `json:"records,omitempty"`
}

// Main runs a worker until its input ends.
func Main(start func(Flags) (Worker, error)) {
	flags := Flags{}
	for _, a := range os.Args[1:] {
		name, value, _ := strings.Cut(a, "=")
		flags[name] = value
	}
	w, err := start(flags)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var a Answer
		if err := obey(w, strings.Fields(lines.Text()), &a); err != nil {
			a = Answer{Error: err.Error()}
		}
		a.OK = a.Error == ""
		if err := out.Encode(a); err != nil {
			os.Exit(1)
		}
	}
}

func obey(w Worker, words []string, a *Answer) (err error) {
	switch {
	case len(words) == 1 && words[0] == "init":
		return w.Init()
	case len(words) == 1 && words[0] == "begin":
		return w.Begin()
	case len(words) == 1 && words[0] == "take":
		a.Count, err = w.Take()
		return err
	case len(words) == 1 && words[0] == "offsets":
		return w.Offsets()
	case len(words) == 1 && words[0] == "commit":
		return w.Commit()
	case len(words) == 1 && words[0] == "abort":
		return w.Abort()
	case len(words) == 5 && words[0] == "send":
		return send(w, words[1:])
	case len(words) == 4 && words[0] == "read":
		a.Records, err = read(w, words[1:])
		return err
	}
	return fmt.Errorf("unknown command %q", words)
}

func send(w Worker, args []string) error {
	partition, err := strconv.ParseInt(args[1], 10, 32)
	n, err2 := strconv.Atoi(args[3])
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("%s.%d", args[2], i)
	}
	return w.Send(args[0], int32(partition), values)
}

func read(w Worker, args []string) ([]Record, error) {
	partitions, err := strconv.ParseInt(args[2], 10, 32)
	if err != nil {
		return nil, err
	}
	var rs []Record
	left := partitions
	err = w.Read(args[0], int32(partitions), args[1] == "committed", func(r Record) bool {
		rs = append(rs, r)
		if r.Value == "end" {
			left--
		}
		return left > 0
	})
	return rs, err
}
