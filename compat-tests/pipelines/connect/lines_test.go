package connect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lines is a file that grows.
type lines struct {
	name  string
	count int
}

// pace is how long a file that grows takes for its next ten lines.
const pace = 20 * time.Millisecond

func (l *lines) write(n int) error {
	f, err := os.OpenFile(l.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var text strings.Builder
	for range n {
		text.WriteString(line(l.count) + "\n")
		l.count++
	}
	_, err = f.WriteString(text.String())
	return errors.Join(err, f.Close())
}

// grow has the file grow until the end that it returns is called: whatever happens
// meanwhile happens with lines on the way.
func (l *lines) grow(t *testing.T) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		for {
			if err := l.write(10); err != nil || ctx.Err() != nil {
				ended <- err
				return
			}
			time.Sleep(pace)
		}
	}()
	t.Cleanup(cancel)
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

// line is long: the source reads 2 KiB at once and then delivers no more lines than its
// batch.size; what it has read over it keeps until there is more in the file. So there
// are no two lines in it at once.
func line(n int) string { return fmt.Sprintf("line %d %s", n, strings.Repeat("-", 1100)) }

// inFile are the whole lines of a file, which may not be there yet.
func inFile(name string) ([]string, error) {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	all := strings.Split(string(text), "\n")
	return all[:len(all)-1], nil
}

func inRecords(records []*kgo.Record) (all []string) {
	for _, r := range records {
		all = append(all, string(r.Value))
	}
	return all
}

// check compares lines with those that were written, from 0 to n: after each comes the
// next, or where who delivers them may begin again at an earlier position, an earlier one.
// It returns how many were there before.
func check(got []string, n int, repeats bool) (again int, err error) {
	last := -1
	for i, text := range got {
		var number int
		if _, err := fmt.Sscanf(text, "line %d", &number); err != nil || text != line(number) || number < 0 || number >= n {
			return again, fmt.Errorf("line %d is %.20q, which was never written", i, text)
		}
		switch {
		case number > last+1:
			return again, fmt.Errorf("line %d is %.20q, and comes after %.20q", i, text, line(last))
		case number <= last && !repeats:
			return again, fmt.Errorf("line %d is %.20q once more, and comes after %.20q", i, text, line(last))
		case number <= last:
			again++
		}
		last = number
	}
	if last != n-1 {
		return again, fmt.Errorf("the last of %d lines is %.20q, and should be %.20q", len(got), line(last), line(n-1))
	}
	return again, nil
}

// TestCheck: what a connector or a broker might do wrong is found.
func TestCheck(t *testing.T) {
	const n = 5
	for _, c := range []struct {
		name, got string
		// once and repeats are what is wrong with it where lines come once, and where
		// they may be repeated.
		once, repeats string
	}{
		{"right", "0 1 2 3 4", "", ""},
		{"from an earlier one", "0 1 2 1 2 3 4", "once more", ""},
		{"lost", "0 1 3 4", "comes after", "comes after"},
		{"lost when it began again", "0 1 2 1 3 4", "once more", "comes after"},
		{"the first is lost", "1 2 3 4", "comes after", "comes after"},
		{"the last is lost", "0 1 2 3", "the last of", "the last of"},
		{"none", "", "the last of", "the last of"},
		{"not to the end again", "0 1 2 3 4 2 3", "once more", "the last of"},
		{"never written", "0 1 2 3 4 5", "never written", "never written"},
		{"something else", "0 1 x 3 4", "never written", "never written"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Fields(c.got)
			for i := range got {
				if n, err := strconv.Atoi(got[i]); err == nil {
					got[i] = line(n)
				}
			}
			for repeats, want := range map[bool]string{false: c.once, true: c.repeats} {
				_, err := check(got, n, repeats)
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("repeats %t: got %v, want %q", repeats, err, want)
				}
			}
		})
	}
}
