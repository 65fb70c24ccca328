package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/words"
)

// stdinName stands for the standard input among files.
const stdinName = "-"

// place is where a record comes from.
type place struct {
	file string
	line int64 // 0: the file as a whole
}

// String is a place for a sentence.
func (p place) String() string {
	name := words.Quoted(p.file)
	if p.file == stdinName {
		name = "the standard input"
	}
	if p.line == 0 {
		return name
	}
	return fmt.Sprintf("line %d of %s", p.line, name)
}

// taken is a record that was read, or why there is none; io.EOF at the end of all.
type taken struct {
	record *kgo.Record
	from   place
	err    error
}

// takenAhead is how many records are read before they are asked for.
const takenAhead = 256

// take reads records until their end or an error, on a goroutine of its own: a read of a
// terminal or a pipe cannot be called off, so that one ends with the process.
func (f *produce) take(ctx context.Context, w *writing, stdin io.Reader, files []string) <-chan taken {
	out := make(chan taken, takenAhead)
	give := func(t taken) bool {
		select {
		case out <- t:
			return t.err == nil
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		for _, name := range files {
			in := input{name: name, r: stdin, most: maxLine(w)}
			if name != stdinName {
				file, err := f.shell.Open(name)
				if err != nil {
					give(taken{err: openError(name, err)})
					return
				}
				in.r = file
				ok := in.all(w, give)
				_ = file.Close() // it was only read
				if !ok {
					return
				}
				continue
			}
			if !in.all(w, give) {
				return
			}
		}
		give(taken{err: io.EOF})
	}()
	return out
}

// maxLine is how long a line may be: in JSON a byte takes up to six.
func maxLine(w *writing) int {
	if w.json {
		return 6*w.bytesMax + 64<<10
	}
	return w.bytesMax
}

func openError(name string, err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	return fmt.Errorf("%s: %w", words.Quoted(name), err)
}

// input is one file.
type input struct {
	name string
	r    io.Reader
	most int // bytes of a line, or of the file as a whole
}

// all gives the records of a file, and says whether to go on behind it.
func (in *input) all(w *writing, give func(taken) bool) bool {
	if w.whole {
		return in.whole(w, give)
	}
	lines := bufio.NewReaderSize(in.r, 64<<10)
	at := place{file: in.name}
	for {
		at.line++
		line, err := readLine(lines, in.most)
		switch {
		case errors.Is(err, io.EOF):
			return true
		case errors.Is(err, errLongLine):
			return give(taken{from: at, err: w.tooLarge()})
		case err != nil:
			return give(taken{from: at, err: fmt.Errorf("read: %w", err)})
		}
		r, err := w.record(line)
		if !give(taken{record: r, from: at, err: err}) {
			return false
		}
	}
}

func (in *input) whole(w *writing, give func(taken) bool) bool {
	at := place{file: in.name}
	b, err := io.ReadAll(io.LimitReader(in.r, int64(in.most)+1))
	if err != nil {
		return give(taken{from: at, err: fmt.Errorf("read: %w", err)})
	}
	r, err := w.record(b)
	return give(taken{record: r, from: at, err: err})
}

var errLongLine = errors.New("the line is too long")

// readLine reads a line without its end, which the last one need not have. Of a line that
// is too long it returns the beginning.
func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			line = line[:len(line)-1]
			if len(line) > most {
				return line, errLongLine
			}
			if line == nil {
				line = []byte{}
			}
			return line, nil
		case len(line) > most:
			return line, errLongLine
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
