package cli

import (
	"bufio"
	"io"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordWriter prints records.
type recordWriter struct {
	out    *bufio.Writer
	format format
	json   bool
	safe   bool // a terminal shows them
	line   []byte

	records, bytes int64
}

const recordWriterBytes = 64 << 10

func newRecordWriter(out io.Writer, r *reading, terminal bool) *recordWriter {
	return &recordWriter{out: bufio.NewWriterSize(out, recordWriterBytes), format: r.format, json: r.json, safe: terminal}
}

// write prints one record; it is out after the next flush.
func (w *recordWriter) write(r *kgo.Record) (err error) {
	w.line = w.line[:0]
	if w.json {
		if w.line, err = appendJSON(w.line, r); err != nil {
			return err
		}
	} else {
		w.line = w.format.append(w.line, r, w.safe)
	}
	w.records++
	w.bytes += int64(len(r.Key) + len(r.Value))
	return written(w.out.Write(w.line))
}

func (w *recordWriter) flush() error { return written(0, w.out.Flush()) }
