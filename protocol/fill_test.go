package protocol

import (
	"math/rand/v2"
	"reflect"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// filler fills kmsg requests with random content, every field that a version
// may have included.
type filler struct {
	*rand.Rand

	elements int  // in an array, at most
	unknown  bool // add tagged fields that nobody knows
}

// request makes a random request of the version, and encodes it.
func (f filler) request(key Key, version int16) (kmsg.Request, []byte) {
	req := kmsg.RequestForKey(int16(key))
	f.fill(reflect.ValueOf(req).Elem())
	req.SetVersion(version)
	return req, req.AppendTo(nil)
}

func (f filler) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		f.fillStruct(v)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(f.text()))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), f.IntN(f.elements+1), f.elements))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Array: // a UUID
		for i := range v.Len() {
			v.Index(i).SetUint(f.Uint64() & 0xff)
		}
	case reflect.Pointer:
		if f.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem())
		}
	case reflect.String:
		v.SetString(f.text())
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(f.Int64() >> (64 - 8*v.Type().Size()))
	case reflect.Float64:
		v.SetFloat(f.NormFloat64() * 1e6)
	default:
		panic("a kind of field that the filler does not know: " + v.Kind().String())
	}
}

func (f filler) fillStruct(v reflect.Value) {
	if tags, ok := v.Addr().Interface().(*kmsg.Tags); ok {
		for range f.IntN(3) {
			if f.unknown {
				tags.Set(100+f.Uint32N(1000), []byte(f.text()))
			}
		}
		return
	}
	for _, field := range v.Fields() {
		f.fill(field)
	}
}

// text is sometimes long enough for a length of two bytes.
func (f filler) text() string {
	n := f.IntN(10)
	if f.IntN(20) == 0 {
		n += 200
	}
	return strings.Repeat("x", n)
}
