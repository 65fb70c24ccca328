package span

import (
	"io"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// Pin keeps what a span points at alive (a segment's descriptor, a pooled
// buffer) until the answer has been written or given up.
type Pin interface {
	// Release is called exactly once for each time the pin was added to a List.
	Release()
}

// Span is a range of bytes to send: either memory or a range of a file.
type Span struct {
	Mem  []byte   // if not nil, the bytes
	File vfs.File // else: N bytes of File at Off
	Off  int64
	N    int
}

// List is an ordered list of spans that writes itself to a socket with few
// system calls (writev for memory, sendfile with an explicit offset for files)
// and pins all it points at. The zero value is empty and ready. Not safe for
// concurrent use. Release must be called once, also after a failed write.
type List struct {
	spans []Span
	pins  []Pin
	bytes int
}

// AddMem appends memory; b must not change until Release.
func (l *List) AddMem(b []byte) {
	if len(b) == 0 {
		return
	}
	l.spans = append(l.spans, Span{Mem: b, N: len(b)})
	l.bytes += len(b)
}

// AddFile appends n bytes of f at off; adjoining ranges of one file become one span.
func (l *List) AddFile(f vfs.File, off int64, n int) {
	if n == 0 {
		return
	}
	l.bytes += n
	if k := len(l.spans) - 1; k >= 0 {
		if last := &l.spans[k]; last.Mem == nil && last.File == f && last.Off+int64(last.N) == off {
			last.N += n
			return
		}
	}
	l.spans = append(l.spans, Span{File: f, Off: off, N: n})
}

// AddPin makes Release also release p.
func (l *List) AddPin(p Pin) { l.pins = append(l.pins, p) }

// Append moves all spans and pins of o to the end of l; o is empty afterwards.
func (l *List) Append(o *List) {
	l.spans = append(l.spans, o.spans...)
	l.pins = append(l.pins, o.pins...)
	l.bytes += o.bytes
	*o = List{}
}

// Len is the number of bytes in all spans.
func (l *List) Len() int { return l.bytes }

// Spans gives read access to the list, in order.
func (l *List) Spans() []Span { return l.spans }

// Release lets go of all pins and empties the list.
func (l *List) Release() {
	for _, p := range l.pins {
		p.Release()
	}
	clear(l.pins)
	clear(l.spans)
	*l = List{spans: l.spans[:0], pins: l.pins[:0]}
}

var _ io.WriterTo = (*List)(nil)
