package assign

import (
	"cmp"
	"slices"
)

// racks says which members are near which partitions. Members of one rack are
// a site; the last site is those whose rack is unknown. Partitions that match
// the same sites are a class. What is unknown matches all: class 0 every site,
// the last site every class. Each match of a class and a site is an edge of a
// graph that is small, however many members and partitions there are.
type racks struct {
	site    []int32          // by member
	class   []int32          // by partition
	siteOf  map[string]int32 // by rack
	classOf map[string]int32 // by its sites, ascending
	edges   []edge           // by class and site
	first   []int32          // by class: its first edge; one more than there are classes
	at      [][]int32        // by site: its edges
}

type edge struct{ class, site int32 }

// newRacks returns nil if racks say nothing.
func newRacks(p *plan) *racks {
	r := &racks{siteOf: map[string]int32{}, classOf: map[string]int32{}, first: []int32{0}}
	r.makeSites(p.spec.Members)
	topicKnown := func(t Topic) bool { return len(t.Racks) > 0 }
	if len(r.siteOf) == 0 || !slices.ContainsFunc(p.spec.Topics, topicKnown) {
		return nil
	}
	all := make([]int32, len(r.at))
	for site := range all {
		all[site] = int32(site)
	}
	r.makeClass(all)
	r.class = make([]int32, len(p.taken))
	for t := range p.spec.Topics {
		known := p.spec.Topics[t].Racks
		for i := range min(len(known), p.partitions(int32(t))) {
			r.class[p.first[t]+i] = r.classNear(known[i])
		}
	}
	return r
}

func (r *racks) makeSites(members []Member) {
	for m := range members {
		rack := members[m].Rack
		if _, known := r.siteOf[rack]; !known && rack != "" {
			r.siteOf[rack] = int32(len(r.siteOf))
		}
	}
	unknown := int32(len(r.siteOf))
	r.at = make([][]int32, unknown+1)
	r.site = make([]int32, len(members))
	for m := range members {
		site, known := r.siteOf[members[m].Rack]
		if !known {
			site = unknown
		}
		r.site[m] = site
	}
}

// classNear is the class of a partition with replicas in these racks.
func (r *racks) classNear(names []string) int32 {
	var list [8]int32
	sites, known := list[:0], false
	for _, name := range names {
		if name == "" {
			continue // a broker without a rack
		}
		known = true
		if site, ok := r.siteOf[name]; ok {
			sites = append(sites, site)
		}
	}
	if !known {
		return 0
	}
	slices.Sort(sites)
	return r.makeClass(append(slices.Compact(sites), int32(len(r.siteOf))))
}

// both is the class that matches what both classes match.
func (r *racks) both(a, b int32) int32 {
	if a == b {
		return a
	}
	var sites []int32
	for _, e := range r.edgesOf(a) {
		if _, too := r.find(b, e.site); too {
			sites = append(sites, e.site)
		}
	}
	return r.makeClass(sites)
}

// makeClass is the class of just these sites, a new one if there is none.
func (r *racks) makeClass(sites []int32) int32 {
	var room [64]byte
	key := appendNumbers(room[:0], sites)
	if class, known := r.classOf[string(key)]; known {
		return class
	}
	class := int32(len(r.first) - 1)
	r.classOf[string(key)] = class
	for _, site := range sites {
		r.at[site] = append(r.at[site], int32(len(r.edges)))
		r.edges = append(r.edges, edge{class, site})
	}
	r.first = append(r.first, int32(len(r.edges)))
	return class
}

func (r *racks) edgesOf(class int32) []edge { return r.edges[r.first[class]:r.first[class+1]] }

// find is the number of the edge between a class and a site, if they match.
func (r *racks) find(class, site int32) (number int32, match bool) {
	i, match := slices.BinarySearchFunc(r.edgesOf(class), site, func(e edge, site int32) int {
		return cmp.Compare(e.site, site)
	})
	return r.first[class] + int32(i), match
}

func (r *racks) match(class, member int32) bool {
	_, match := r.find(class, r.site[member])
	return match
}
