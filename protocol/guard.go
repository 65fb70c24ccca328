package protocol

// The bounds on what a request may take in memory once decoded. Real requests
// stay below 24 times their bytes (many one-letter names are the worst), and
// the largest, of clients with a hundred thousand partitions, below 32 MiB.
const (
	decodedRatioMax = 32
	decodedBytesMin = 1 << 20
	decodedBytesMax = 256 << 20
)

// Rough costs in memory, on the high side; a fuzz test holds them against what
// kmsg really takes.
const (
	costRequest = 1 << 10 // the request itself, and what the heap rounds up
	costTags    = 512     // the map for tagged fields that are not known
	costTag     = 256     // one of them
)

// Measure checks the body of a request without decoding it, and without taking
// memory: every length lies within the body, arrays have no more elements than
// the bytes left can hold, and what kmsg would allocate is within bounds. It
// returns that amount, on the high side and beside the request's own struct;
// byte fields do not count, as they alias the body. Bytes behind the body are
// ignored, as Kafka ignores them.
func Measure(key Key, version int16, body []byte) (int, error) {
	layout, ok := layoutOf(key, version)
	if !ok {
		return 0, Errorf(UnsupportedVersion, "%s v%d is not supported", key, version)
	}
	budget := decodedLimit(len(body)) - costRequest
	w := walker{reader: reader{src: body}, flexible: key.Flexible(version), budget: budget}
	if w.structure(layout) {
		return budget - w.budget, nil
	}
	return 0, Errorf(InvalidRequest, "%s v%d cannot be decoded at byte %d: %s %s",
		key, version, len(body)-len(w.src), w.field, w.trouble)
}

// decodedLimit is how much memory a body of size bytes may take.
func decodedLimit(size int) int {
	return min(decodedBytesMin+decodedRatioMax*size, decodedBytesMax)
}

// walker walks over a request's body by its layout. Its methods report false
// when something is wrong, and then field and trouble say what.
type walker struct {
	reader

	flexible bool
	budget   int // bytes of memory that may still be taken
	field    string
	trouble  string
}

func (w *walker) fail(field, trouble string) bool {
	if w.field == "" {
		w.field, w.trouble = field, trouble
	}
	return false
}

// take pays for n bytes in one piece of memory; the heap rounds them up.
func (w *walker) take(field string, n int) bool {
	if w.budget -= n + n/4 + 16; w.budget < 0 {
		return w.fail(field, "makes the request take too much memory")
	}
	return true
}

func (w *walker) structure(s *structure) bool {
	for i := range s.steps {
		if !w.step(&s.steps[i]) {
			return false
		}
	}
	return !s.ends || w.tags(s)
}

func (w *walker) step(s *step) bool {
	switch s.kind {
	case kindFixed:
		return w.skip(s.size) || w.fail(s.name, "is cut off")
	case kindText:
		return w.text(s)
	case kindBlob:
		return w.blob(s)
	case kindList, kindArray:
		return w.array(s)
	case kindStruct:
		return w.optional(s)
	}
	return false
}

func (w *walker) text(s *step) bool {
	n, ok := w.length(s, 2)
	if !ok {
		return false
	}
	if s.nullable && !w.take(s.name, 16) { // kmsg keeps a pointer to the string
		return false
	}
	return n <= 0 || w.skip(n) && w.take(s.name, n)
}

func (w *walker) blob(s *step) bool {
	n, ok := w.length(s, 4)
	return ok && (n <= 0 || w.skip(n)) // aliased, so it takes no memory
}

func (w *walker) array(s *step) bool {
	n, ok := w.arrayLength(s)
	if !ok {
		return false
	}
	if n <= 0 {
		return true
	}
	if n > len(w.src)/s.of.least {
		return w.fail(s.name, "has more elements than bytes are left for")
	}
	if !w.take(s.name, n*s.of.goSize) {
		return false
	}
	if steps := s.of.steps; len(steps) == 1 && steps[0].kind == kindFixed && !s.of.ends {
		return w.skip(n * steps[0].size) // numbers
	}
	for range n {
		if !w.structure(&s.of) {
			return false
		}
	}
	return true
}

// optional: -1 says that the struct is not there. What kmsg takes for present,
// any other number, is taken for present here.
func (w *walker) optional(s *step) bool {
	if len(w.src) == 0 {
		return w.fail(s.name, "is cut off")
	}
	present := w.src[0] != 0xff
	w.src = w.src[1:]
	return !present || w.take(s.name, s.of.goSize) && w.structure(&s.of)
}

// length reads the length of a text or blob, -1 for null, and checks that the
// bytes are there.
func (w *walker) length(s *step, width int) (int, bool) {
	n, ok := w.count(width)
	switch {
	case !ok:
		return 0, w.fail(s.name, "is cut off")
	case n < 0 && !s.nullable:
		return 0, w.fail(s.name, "may not be null")
	case n > len(w.src):
		return 0, w.fail(s.name, "is longer than the request")
	}
	return n, true
}

func (w *walker) arrayLength(s *step) (int, bool) {
	n, ok := w.count(4)
	switch {
	case !ok:
		return 0, w.fail(s.name, "is cut off")
	case n < 0 && !s.nullable:
		return 0, w.fail(s.name, "may not be null")
	}
	return n, true
}

// count reads a length as the version encodes it: a varint, or width bytes.
func (w *walker) count(width int) (int, bool) {
	switch {
	case w.flexible:
		n, ok := w.uvarint()
		return n - 1, ok
	case width == 2:
		return w.int16()
	default:
		return w.int32()
	}
}

// tags walks over the tagged fields that end a struct.
func (w *walker) tags(s *structure) bool {
	const field = "tagged fields"
	count, ok := w.uvarint()
	switch {
	case !ok:
		return w.fail(field, "are cut off")
	case count > len(w.src)/2: // each has a tag and a size
		return w.fail(field, "are more than bytes are left for")
	case count == 0:
		return true
	}
	if !w.take(field, costTags) {
		return false
	}
	for range count {
		tag, ok := w.uvarint()
		if !ok {
			return w.fail(field, "are cut off")
		}
		size, ok := w.uvarint()
		if !ok || size > len(w.src) {
			return w.fail(field, "are cut off")
		}
		if !w.take(field, costTag) || !w.tag(s, tag, size) {
			return false
		}
	}
	return true
}

// tag walks over one tagged field. A known one must fill its size exactly.
func (w *walker) tag(s *structure, tag, size int) bool {
	for i := range s.tags {
		if known := &s.tags[i]; known.tag == tag {
			after := w.src[size:]
			w.src = w.src[:size]
			ok := w.tagBody(known)
			if ok && len(w.src) != 0 {
				return w.fail(known.name, "has another size than its tag says")
			}
			w.src = after
			return ok
		}
	}
	return w.skip(size)
}

// tagBody: a tagged struct is always there, so nothing says whether it is.
func (w *walker) tagBody(s *step) bool {
	if s.kind == kindStruct {
		return w.structure(&s.of)
	}
	return w.step(s)
}
