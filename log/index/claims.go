package index

import (
	"cmp"
	"math"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Range is [From, To) of a partition's offsets.
type Range struct{ From, To model.Offset }

// offsetMax ends a range that has no end.
const offsetMax = model.Offset(math.MaxInt64)

// claim is what a section speaks of: whatever older files hold of the
// partition there is superseded by its entries. A patch claims a range in the
// middle; every other section all offsets from somewhere on. false: the
// section has a state only.
func (s *Section) claim() (Range, bool) {
	switch {
	case s.Patch:
		return Range{s.TruncatedTo, s.To}, true
	case s.Whole:
		return Range{0, offsetMax}, true
	case s.TruncatedTo >= 0 && s.Count > 0:
		return Range{min(s.TruncatedTo, s.First), offsetMax}, true
	case s.TruncatedTo >= 0:
		return Range{s.TruncatedTo, offsetMax}, true
	case s.Count > 0:
		return Range{s.First, offsetMax}, true
	}
	return Range{}, false
}

// claims are ranges that do not touch, ascending.
type claims []Range

// without appends what of r is not claimed.
func (c claims) without(open []Range, r Range) []Range {
	for _, x := range c {
		if x.To <= r.From {
			continue
		}
		if x.From >= r.To {
			break
		}
		if x.From > r.From {
			open = append(open, Range{r.From, x.From})
		}
		r.From = x.To
	}
	if r.From < r.To {
		open = append(open, r)
	}
	return open
}

// with adds a range, in place; those that touch become one.
func (c claims) with(r Range) claims {
	from := 0
	for from < len(c) && c[from].To < r.From {
		from++
	}
	to := from
	for to < len(c) && c[to].From <= r.To {
		r = Range{min(r.From, c[to].From), max(r.To, c[to].To)}
		to++
	}
	return slices.Replace(c, from, to, r)
}

// Fragment is a range of offsets and the part that speaks of it.
type Fragment struct {
	Range

	Part *Part
}

// View is what the sections of one partition say together.
type View struct {
	// Newest is the newest part with a state; nil if there are patches only.
	Newest *Part
	// Fragments says which part's entries count where, ascending.
	Fragments []Fragment

	claimed     claims
	tail        model.Offset // from here on Newest and its like claim all; offsetMax: nothing
	truncatedTo model.Offset
	whole       bool
}

// NewView reads the parts of a partition, newest first.
func NewView(parts []Part) View {
	v := View{Fragments: make([]Fragment, 0, len(parts)), tail: offsetMax, truncatedTo: -1}
	var room [8]Range
	for i := range parts {
		p := &parts[i]
		s := &p.Section
		r, ok := s.claim()
		if ok {
			for _, open := range v.claimed.without(room[:0], r) {
				v.Fragments = append(v.Fragments, Fragment{open, p})
			}
			v.claimed = v.claimed.with(r)
		}
		if s.Patch {
			continue
		}
		if v.Newest == nil {
			v.Newest = p
		}
		if ok {
			v.tail = min(v.tail, r.From)
		}
		if s.TruncatedTo >= 0 && (v.truncatedTo < 0 || s.TruncatedTo < v.truncatedTo) {
			v.truncatedTo = s.TruncatedTo
		}
		if v.whole = s.Whole; v.whole {
			break
		}
	}
	slices.SortFunc(v.Fragments, func(a, b Fragment) int { return cmp.Compare(a.From, b.From) })
	return v
}

// Blocks are the fragments that hold entries.
func (v *View) Blocks() []Block {
	blocks := make([]Block, 0, len(v.Fragments))
	for _, f := range v.Fragments {
		b := f.Part.Section.Block(f.Part.File)
		b.First, b.End = max(b.First, f.From), min(b.End, f.To)
		if f.Part.Section.Count > 0 && b.First < b.End {
			blocks = append(blocks, b)
		}
	}
	return blocks
}
