package cli

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

const formatLong = `The FORMAT has kcat's words:

  %s  value          %k  key            %h  headers, as name=value,...
  %S  its length     %K  its length     %T  timestamp, in ms since 1970
  %R  the value's length as a big-endian 32-bit number
  %t  topic          %p  partition      %o  offset        %%  a percent sign

Nothing (null) is printed as nothing, and its length is -1. \n, \r, \t, \0, \\ and \xHH are what
they are in C.`

// format is how a record is printed: texts and fields, in turn.
type format []formatPiece

type formatPiece struct {
	text  []byte
	field byte // 0: the text alone
}

// parseFormat reads a format.
func parseFormat(spec string) (format, error) {
	var out format
	var text []byte
	for i := 0; i < len(spec); i++ {
		switch c := spec[i]; c {
		case '\\':
			b, n, err := escaped(spec[i+1:])
			if err != nil {
				return nil, fmt.Errorf("at %d: %w", i+1, err)
			}
			text = append(text, b)
			i += n
		case '%':
			i++
			if i == len(spec) {
				return nil, errors.New("it ends with a %; write %% for a percent sign")
			}
			switch field := spec[i]; {
			case field == '%':
				text = append(text, '%')
			case strings.IndexByte("sSRkKtpoTh", field) >= 0:
				out = append(out, formatPiece{text: text, field: field})
				text = nil
			default:
				r, _ := utf8.DecodeRuneInString(spec[i:])
				return nil, fmt.Errorf("at %d: there is no %%%s; see --help", i, strings.Trim(strconv.QuoteRune(r), "'"))
			}
		default:
			text = append(text, c)
		}
	}
	if len(text) > 0 {
		out = append(out, formatPiece{text: text})
	}
	return out, nil
}

// escaped reads what stands behind a backslash, and says how long that is.
func escaped(rest string) (b byte, n int, err error) {
	if rest == "" {
		return 0, 0, errors.New(`it ends with a backslash; write \\ for one`)
	}
	switch c := rest[0]; c {
	case 'n':
		return '\n', 1, nil
	case 'r':
		return '\r', 1, nil
	case 't':
		return '\t', 1, nil
	case '0':
		return 0, 1, nil
	case '\\':
		return '\\', 1, nil
	case 'x':
		if len(rest) >= 3 {
			if v, err := strconv.ParseUint(rest[1:3], 16, 8); err == nil {
				return byte(v), 3, nil
			}
		}
		return 0, 0, errors.New(`behind \x stand two hexadecimal digits`)
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return 0, 0, fmt.Errorf(`there is no \%s; see --help`, strings.Trim(strconv.QuoteRune(r), "'"))
}

// append prints a record. With safe, what the record holds does nothing to a terminal.
func (f format) append(dst []byte, r *kgo.Record, safe bool) []byte {
	content := func(b []byte) {
		if safe {
			dst = appendSafe(dst, b)
		} else {
			dst = append(dst, b...)
		}
	}
	for i := range f {
		dst = append(dst, f[i].text...)
		switch f[i].field {
		case 's':
			content(r.Value)
		case 'S':
			dst = strconv.AppendInt(dst, lengthOf(r.Value), 10)
		case 'R':
			var n [4]byte
			binary.BigEndian.PutUint32(n[:], uint32(lengthOf(r.Value)))
			content(n[:])
		case 'k':
			content(r.Key)
		case 'K':
			dst = strconv.AppendInt(dst, lengthOf(r.Key), 10)
		case 't':
			dst = append(dst, r.Topic...)
		case 'p':
			dst = strconv.AppendInt(dst, int64(r.Partition), 10)
		case 'o':
			dst = strconv.AppendInt(dst, r.Offset, 10)
		case 'T':
			dst = strconv.AppendInt(dst, r.Timestamp.UnixMilli(), 10)
		case 'h':
			for j, h := range r.Headers {
				if j > 0 {
					dst = append(dst, ',')
				}
				content([]byte(h.Key))
				dst = append(dst, '=')
				content(h.Value)
			}
		}
	}
	return dst
}

// lengthOf is a length as kcat prints it.
func lengthOf(b []byte) int64 {
	if b == nil {
		return -1
	}
	return int64(len(b))
}

// appendSafe prints bytes so that a terminal obeys none of them: what is no text is
// written as \xHH. Lines and tabs are left.
func appendSafe(dst, b []byte) []byte {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == '\n' || r == '\t' || strconv.IsPrint(r) && (r != utf8.RuneError || n > 1):
			dst = append(dst, b[:n]...)
		default:
			for _, c := range b[:n] {
				dst = fmt.Appendf(dst, `\x%02x`, c)
			}
		}
		b = b[n:]
	}
	return dst
}
