package protocol

import "math"

// A small language to say how the bytes of a request are laid out. A layout is
// a list of fields in the order of the wire:
//
//	array("Topics",
//		text("Name").until(12),
//		uuid("TopicId").since(13),
//		array("Partitions", i32("Partition"), blob("Records").nullable(0)))
//
// Versions are inclusive. The compact encodings of flexible versions, and the
// tagged fields that end each struct there, are implied.

// kind is how a field is read.
type kind uint8

const (
	kindFixed  kind = iota // a number: as many bytes as it has
	kindText               // a string
	kindBlob               // bytes, which the decoded request aliases
	kindList               // an array of elements without tagged fields
	kindArray              // an array of structs
	kindStruct             // a struct behind a byte that says whether it is there
)

// field is one field of a request.
type field struct {
	name         string
	kind         kind
	size         int     // kindFixed: bytes, on the wire and in Go
	first, last  int16   // versions that have it
	nullableFrom int16   // version from which it may be null
	tag          int     // of a tagged field; untagged is -1
	of           []field // what is in an element or struct
}

const untagged = -1

func plain(name string, k kind) field {
	return field{name: name, kind: k, last: math.MaxInt16, nullableFrom: math.MaxInt16, tag: untagged}
}

func fixed(name string, size int) field {
	f := plain(name, kindFixed)
	f.size = size
	return f
}

func boolean(name string) field { return fixed(name, 1) }
func i8(name string) field      { return fixed(name, 1) }
func i16(name string) field     { return fixed(name, 2) }
func i32(name string) field     { return fixed(name, 4) }
func i64(name string) field     { return fixed(name, 8) }
func uuid(name string) field    { return fixed(name, 16) }
func text(name string) field    { return plain(name, kindText) }
func blob(name string) field    { return plain(name, kindBlob) }

// list is an array of numbers or strings.
func list(name string, element field) field {
	f := plain(name, kindList)
	f.of = []field{element}
	return f
}

// array is an array of structs.
func array(name string, of ...field) field {
	f := plain(name, kindArray)
	f.of = of
	return f
}

// optional is a struct that may be left out.
func optional(name string, of ...field) field {
	f := plain(name, kindStruct)
	f.of = of
	return f
}

// tagged is a tagged struct; the method of that name makes other fields tagged.
func tagged(tag int, name string, of ...field) field {
	return optional(name, of...).tagged(tag)
}

// since: the field exists from version v on.
func (f field) since(v int16) field { f.first = v; return f }

// until: version v is the last that has the field.
func (f field) until(v int16) field { f.last = v; return f }

// nullable: from version v on the field may be null.
func (f field) nullable(v int16) field { f.nullableFrom = v; return f }

// tagged: the field stands among the tagged ones, in every flexible version,
// as it does for kmsg.
func (f field) tagged(tag int) field { f.tag = tag; return f }

// layout is a request's fields, and the versions that they describe.
type layout struct {
	key      Key
	min, max int16
	fields   []field
}

// structure is a list of fields compiled for one version.
type structure struct {
	steps  []step
	tags   []step // known tagged fields
	ends   bool   // in tagged fields
	least  int    // bytes on the wire of the smallest one
	goSize int    // bytes in memory of one, without what it points to
}

// step is a field, or a run of fixed ones, compiled for one version.
type step struct {
	name     string
	kind     kind
	size     int // kindFixed: bytes
	nullable bool
	tag      int
	of       structure
}

// compile makes the structure of one version. A struct in Go has the fields of
// all versions, so they all count for its size.
func compile(fields []field, version int16, flexible, ends bool) structure {
	s := structure{ends: ends && flexible}
	if s.ends {
		s.least = 1
	}
	if ends {
		s.goSize = 8 // a pointer to tagged fields that are not known
	}
	for _, f := range fields {
		s.goSize += f.goSize()
		if version < f.first || version > f.last || f.tag != untagged && !flexible {
			continue
		}
		st := step{name: f.name, kind: f.kind, size: f.size, nullable: version >= f.nullableFrom, tag: f.tag}
		if f.of != nil {
			st.of = compile(f.of, version, flexible, f.kind != kindList)
		}
		if f.tag != untagged {
			s.tags = append(s.tags, st)
			continue
		}
		s.least += f.least(flexible)
		if k := len(s.steps) - 1; f.kind == kindFixed && k >= 0 && s.steps[k].kind == kindFixed {
			s.steps[k].size += f.size
			continue
		}
		s.steps = append(s.steps, st)
	}
	return s
}

// least is how many bytes the field has on the wire at least.
func (f field) least(flexible bool) int {
	switch {
	case f.kind == kindFixed:
		return f.size
	case f.kind == kindStruct || flexible:
		return 1
	case f.kind == kindText:
		return 2
	default:
		return 4
	}
}

// goSize is the field's size in a Go struct, padded generously.
func (f field) goSize() int {
	switch f.kind {
	case kindFixed:
		return max(f.size, 8)
	case kindText:
		return 16
	case kindBlob, kindList, kindArray:
		return 24
	case kindStruct: // in its parent, or behind a pointer
		return 8 + compile(f.of, 0, false, true).goSize
	}
	return 0
}
