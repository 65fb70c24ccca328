package legacy

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// unfold adds the messages of a wrapper, as they come out of its codec.
func (u *upward) unfold(wrapper *message) error {
	codec := wrapper.codec()
	if wrapper.value == nil {
		return fmt.Errorf("%w: it is compressed (%s) and its value is null", batch.ErrInvalid, codec)
	}
	if err := known(codec); err != nil {
		return err
	}
	inflate := func() error {
		return batch.Inflate(codec, wrapper.value, u.limits.Records, func(plain io.Reader) error {
			return u.stream(wrapper, plain)
		})
	}
	if codec == batch.LZ4 && wrapper.magic == 0 {
		return withRightChecksum(wrapper.value, inflate)
	}
	return inflate()
}

// stream adds the messages that plain holds.
func (u *upward) stream(wrapper *message, plain io.Reader) error {
	src := inner{src: plain}
	for i := 0; ; i++ {
		m, err := src.next()
		if errors.Is(err, io.EOF) && i > 0 {
			return nil
		}
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: there is none", batch.ErrInvalid)
		}
		if err == nil {
			err = innerFault(wrapper, &m)
		}
		if err == nil {
			if wrapper.logAppendTime() {
				m.timestamp = wrapper.timestamp
			}
			err = u.add(&m)
		}
		if err != nil {
			return fmt.Errorf("inner message %d: %w", i, err)
		}
	}
}

func innerFault(wrapper, m *message) error {
	switch {
	case m.magic != wrapper.magic:
		return fmt.Errorf("%w: its magic is %d, that of the message around it is %d", batch.ErrInvalid, m.magic, wrapper.magic)
	case m.codec() != batch.None:
		return fmt.Errorf("%w: it is compressed (%s), and so is the message around it", batch.ErrInvalid, m.codec())
	}
	return nil
}

// inner reads the messages of a wrapper one after the other.
type inner struct {
	src io.Reader
	buf bytes.Buffer // holds one; it grows as bytes come
}

// next reads a message, which is valid until the next one; io.EOF: there are no
// more.
func (r *inner) next() (message, error) {
	r.buf.Reset()
	if err := r.read(prefixSize); err != nil {
		if errors.Is(err, io.EOF) && r.buf.Len() > 0 {
			err = fmt.Errorf("%w: it ends after %d bytes", batch.ErrInvalid, r.buf.Len())
		}
		return message{}, err
	}
	size, err := checkSize(r.buf.Bytes())
	if err != nil {
		return message{}, err
	}
	if err := r.read(size); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: it has %d bytes, %d are there", batch.ErrInvalid, prefixSize+size, r.buf.Len())
		}
		return message{}, err
	}
	return parse(r.buf.Bytes())
}

// read reads n bytes more; io.EOF: there were fewer.
func (r *inner) read(n int) error {
	_, err := io.CopyN(&r.buf, r.src, int64(n))
	return err //nolint:wrapcheck // Inflate's own, or io.EOF.
}
