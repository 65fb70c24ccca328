package assign

import (
	"cmp"
	"slices"
)

// none stands where the number of an edge could.
const none = int32(-1)

// flow is how many items of each class are with members of each site that they
// match, on the way to as many as possible (a maximum flow by shortest paths,
// after Edmonds and Karp). Members of one site are all the same to it, and so
// are items of one class.
type flow struct {
	*racks
	has   []int32 // by edge: items that are matched along it
	left  []int32 // by class: items that no member near them has
	spare []int32 // by site: room

	// Of one search: the edge by which each site was found, and the edge by
	// which each class was, back from a site that has some of it.
	into, back []int32
	queue      []int32 // classes
}

// localize gives as many items as possible to members near them. What these
// have already only moves where that makes room for more.
func (d *deal) localize() {
	f := d.newFlow()
	change := f.has
	f.has = slices.Clone(f.has)
	for _, class := range f.byChoice() {
		// What finds no way now finds none later: others only fill sites.
		for f.left[class] > 0 && f.push(class) {
		}
	}
	for e, has := range f.has {
		change[e] = has - change[e]
	}
	d.release(change)
	d.handOut(change)
}

// newFlow starts with what members keep.
func (d *deal) newFlow() *flow {
	r := d.racks
	classes, sites := len(r.first)-1, len(r.at)
	f := &flow{
		racks: r, has: make([]int32, len(r.edges)), left: make([]int32, classes), spare: make([]int32, sites),
		into: make([]int32, sites), back: make([]int32, classes),
	}
	for item, m := range d.taken {
		class := d.class[item]
		if m == nobody {
			f.left[class]++
		} else if e, match := r.find(class, r.site[m]); match {
			f.has[e]++
		}
	}
	for _, m := range d.members {
		f.spare[r.site[m]] += d.room[m]
	}
	return f
}

// byChoice is all classes, those near few sites first: what is known to be near
// takes its place before what matches because nothing is known of it.
func (f *flow) byChoice() []int32 {
	classes := make([]int32, len(f.left))
	for class := range classes {
		classes[class] = int32(class)
	}
	slices.SortStableFunc(classes, func(a, b int32) int { return cmp.Compare(len(f.edgesOf(a)), len(f.edgesOf(b))) })
	return classes
}

// push matches more items of a class: with a site that has room, or with one
// from which items of other classes can move on. It returns false if there is
// no way.
func (f *flow) push(class int32) bool {
	for i := range f.into {
		f.into[i] = none
	}
	for i := range f.back {
		f.back[i] = none
	}
	f.queue = append(f.queue[:0], class)
	for i := 0; i < len(f.queue); i++ {
		c := f.queue[i]
		for e := f.first[c]; e < f.first[c+1]; e++ {
			site := f.edges[e].site
			if f.into[site] != none {
				continue
			}
			f.into[site] = e
			if f.spare[site] > 0 {
				f.shift(class, site)
				return true
			}
			for _, back := range f.at[site] {
				if c := f.edges[back].class; f.has[back] > 0 && f.back[c] == none {
					f.back[c] = back
					f.queue = append(f.queue, c)
				}
			}
		}
	}
	return false
}

// shift moves as many items as can go the way that ends at a site with room.
func (f *flow) shift(class, end int32) {
	items := min(f.left[class], f.spare[end])
	f.walk(class, end, func(_, back int32) {
		if back != none {
			items = min(items, f.has[back])
		}
	})
	f.walk(class, end, func(into, back int32) {
		f.has[into] += items
		if back != none {
			f.has[back] -= items
		}
	})
	f.left[class] -= items
	f.spare[end] -= items
}

// walk goes back from the end of a way to the class where it begins. For each
// class on it, visit gets the edge that gains items and the one that gives
// them up, which for the last class is none.
func (f *flow) walk(class, end int32, visit func(into, back int32)) {
	for site := end; ; {
		into := f.into[site]
		c := f.edges[into].class
		if c == class {
			visit(into, none)
			return
		}
		visit(into, f.back[c])
		site = f.edges[f.back[c]].site
	}
}

// release takes items from their members along edges that lose some, the last
// first.
func (d *deal) release(change []int32) {
	if !slices.ContainsFunc(change, func(c int32) bool { return c < 0 }) {
		return
	}
	for item, m := range slices.Backward(d.taken) {
		if m == nobody {
			continue
		}
		if e, _ := d.racks.find(d.class[item], d.racks.site[m]); change[e] < 0 {
			change[e]++
			d.room[m]++
			d.taken[item] = nobody
		}
	}
}

// handOut gives items to members along edges that gain some; items of one class
// go to all the members near them in turn, so that a topic is spread.
func (d *deal) handOut(change []int32) {
	gains := make([]int32, len(d.racks.first)-1) // by class
	for e, items := range change {
		gains[d.racks.edges[e].class] += items
	}
	turns := make([]*ring, len(gains))
	for item, m := range d.taken {
		class := d.class[item]
		if m != nobody || gains[class] == 0 {
			continue
		}
		if turns[class] == nil {
			turns[class] = &ring{members: slices.Clone(d.members)}
		}
		m = turns[class].next(func(m int32) bool {
			e, match := d.racks.find(class, d.racks.site[m])
			return match && change[e] > 0 && d.room[m] > 0
		})
		e, _ := d.racks.find(class, d.racks.site[m])
		change[e]--
		gains[class]--
		d.give(item, m)
	}
}
