// Package commands is what the programs in Go have in common: KEY=VALUE arguments,
// commands on stdin, one JSON line on stdout for each. See ../doc.go.
//
// Files: commands.go (the commands), record.go (records, as words and as JSON).
package commands

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Client is one that does what it is told.
type Client interface {
	Produce(topic, codec string, idempotent bool, records []Record) error
	Transact(topic, id string, commit bool, records []Record) error
	// Read gives each record to got, which tells whether more are wanted.
	Read(topic string, partitions int32, committed bool, got func(Record) (more bool)) error
	Join(topic, group, protocol string) error
	Take(got func(Record) (more bool)) error
	Commit() error
	Leave() error
	Create(topic string, partitions int, name, value string) error
	List() ([]string, error)
	Describe(topic string) (partitions int, err error)
	Config(topic, name string) (string, error)
	Alter(topic, name, value string) error
	Grow(topic string, partitions int) error
	Delete(topic string) error
	// Offset is of a time (ms), or of Earliest or Latest.
	Offset(topic string, partition int32, at int64) (int64, error)
}

// The times that are none, by the numbers of the wire.
const (
	Latest   = -1
	Earliest = -2
)

// ErrLacks is what a client answers that has no such thing.
var ErrLacks = errors.New("the client has no such thing")

// Answer is what a program says to a command: it is OK, or has an error.
type Answer struct {
	OK         bool     `json:"ok,omitempty"`
	Error      string   `json:"error,omitempty"`
	Records    []Record `json:"records,omitempty"`
	Topics     []string `json:"topics,omitempty"`
	Partitions int      `json:"partitions,omitempty"`
	Value      string   `json:"value,omitempty"`
	Offset     *int64   `json:"offset,omitempty"`
}

// Show is an offset as text.
func Show(offset *int64) string {
	if offset == nil {
		return "not answered"
	}
	return strconv.FormatInt(*offset, 10)
}

// Main runs a client until its input ends.
func Main(start func(bootstrap string) Client) {
	var bootstrap string
	for _, a := range os.Args[1:] {
		if value, ok := strings.CutPrefix(a, "bootstrap="); ok {
			bootstrap = value
		}
	}
	c := start(bootstrap)
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineMost)
	for lines.Scan() {
		var a Answer
		command := strings.Fields(lines.Text())
		if err := obey(c, words{name: command[0], left: command[1:]}, &a); err != nil {
			a = Answer{Error: err.Error()}
		}
		a.OK = a.Error == ""
		if err := out.Encode(a); err != nil {
			os.Exit(1)
		}
	}
}

// lineMost is the longest command: it may have thousands of records.
const lineMost = 16 << 20

// words are a command and what is left of its arguments.
type words struct {
	name string
	left []string
	err  error
}

func (w *words) text() string {
	if len(w.left) == 0 {
		w.err = fmt.Errorf("%s: too few arguments", w.name)
		return ""
	}
	word := w.left[0]
	w.left = w.left[1:]
	return word
}

func (w *words) number() int {
	text := w.text()
	n, err := strconv.Atoi(text)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n
}

func (w *words) pair() (name, value string) {
	name, value, _ = strings.Cut(w.text(), "=")
	return name, value
}

func (w *words) time() int64 {
	switch at := w.text(); at {
	case "earliest":
		return Earliest
	case "latest":
		return Latest
	default:
		n, err := strconv.ParseInt(at, 10, 64)
		if err != nil && w.err == nil {
			w.err = err
		}
		return n
	}
}

func obey(c Client, w words, a *Answer) (err error) {
	switch w.name {
	case "produce", "transact", "read":
		return records(c, w, a)
	case "join", "take", "commit", "leave":
		return group(c, w, a)
	case "list":
		a.Topics, err = c.List()
		return err
	}
	topic := w.text()
	switch w.name {
	case "create":
		n := w.number()
		name, value := w.pair()
		return c.Create(topic, n, name, value)
	case "describe":
		a.Partitions, err = c.Describe(topic)
	case "config":
		a.Value, err = c.Config(topic, w.text())
	case "alter":
		name, value := w.pair()
		return c.Alter(topic, name, value)
	case "grow":
		return c.Grow(topic, w.number())
	case "delete":
		return c.Delete(topic)
	case "offset":
		partition, at := int32(w.number()), w.time()
		if w.err != nil {
			return w.err
		}
		var offset int64
		offset, err = c.Offset(topic, partition, at)
		a.Offset = &offset
	default:
		return fmt.Errorf("unknown command %q", w.name)
	}
	return err
}

func records(c Client, w words, a *Answer) error {
	topic := w.text()
	if w.name == "read" {
		partitions, n := int32(w.number()), w.number()
		committed := w.text() == "committed"
		if w.err != nil {
			return w.err
		}
		return c.Read(topic, partitions, committed, a.upTo(n))
	}
	which, how := w.text(), w.text()
	if w.err != nil {
		return w.err
	}
	rs := make([]Record, len(w.left))
	for i, text := range w.left {
		var err error
		if rs[i], err = Parse(text); err != nil {
			return err
		}
	}
	if w.name == "transact" {
		return c.Transact(topic, which, how == "commit", rs)
	}
	return c.Produce(topic, which, how == "true", rs)
}

func group(c Client, w words, a *Answer) error {
	switch w.name {
	case "join":
		topic, group, protocol := w.text(), w.text(), w.text()
		if w.err != nil {
			return w.err
		}
		return c.Join(topic, group, protocol)
	case "take":
		n := w.number()
		if w.err != nil {
			return w.err
		}
		return c.Take(a.upTo(n))
	case "commit":
		return c.Commit()
	}
	return c.Leave()
}

// upTo takes n records.
func (a *Answer) upTo(n int) func(Record) bool {
	return func(r Record) bool {
		a.Records = append(a.Records, r)
		return len(a.Records) < n
	}
}
