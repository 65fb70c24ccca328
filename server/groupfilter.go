package server

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
)

// groupFilter is which partitions somebody wants to see of a group. Sums are those
// of the whole group all the same.
type groupFilter struct {
	topics  []string // nil: all
	lagging bool     // only where there is something to read, or it is not known
}

// groupFilterOf reads topics, a list with commas, and lagging, a truth value.
func groupFilterOf(query url.Values) (groupFilter, error) {
	var f groupFilter
	if query.Has("topics") {
		for name := range strings.SplitSeq(query.Get("topics"), ",") {
			if name = strings.TrimSpace(name); name != "" {
				f.topics = append(f.topics, name)
			}
		}
		if f.topics == nil {
			return f, protocol.Errorf(protocol.InvalidRequest, "the list of topics is empty: leave topics out to see all")
		}
	}
	if text := query.Get("lagging"); text != "" {
		lagging, err := strconv.ParseBool(text)
		if err != nil {
			return f, protocol.Errorf(protocol.InvalidRequest, "lagging=%s must be true or false", words.Quoted(text))
		}
		f.lagging = lagging
	}
	return f, nil
}

// apply leaves out of a group what was not asked for. A topic of which the group
// has nothing is an error: an empty list reads as all well.
func (f *groupFilter) apply(d *GroupDetail) error {
	if f.topics == nil && !f.lagging {
		return nil
	}
	for _, name := range f.topics {
		if !d.has(name) {
			return protocol.Errorf(protocol.UnknownTopicOrPartition, "group %s has committed nothing of topic %s, and no member was given any of it",
				words.Quoted(d.Group), words.Quoted(name))
		}
	}
	d.PartitionLag = f.shown(d.PartitionLag, &d.Hidden)
	for i := range d.Cells {
		c := &d.Cells[i]
		c.PartitionLag = f.shown(c.PartitionLag, &d.Hidden)
	}
	// Members without a list, as there are very many of them, stay.
	d.Cells = slices.DeleteFunc(d.Cells, func(c GroupCell) bool { return c.PartitionLag != nil && len(c.PartitionLag) == 0 })
	return nil
}

// shown leaves partitions out and counts them.
func (f *groupFilter) shown(all []GroupPartition, hidden *int) []GroupPartition {
	left := slices.DeleteFunc(all, f.hides)
	*hidden += len(all) - len(left)
	return left
}

func (f *groupFilter) hides(p GroupPartition) bool {
	if f.topics != nil && !slices.Contains(f.topics, p.Topic) {
		return true
	}
	return f.lagging && p.Error == "" && (p.Lag == nil || p.Lag.Records == 0)
}

// has reports whether anything of a topic is among what is shown of a group.
func (d *GroupDetail) has(topic string) bool {
	of := func(p GroupPartition) bool { return p.Topic == topic }
	return slices.ContainsFunc(d.PartitionLag, of) ||
		slices.ContainsFunc(d.Cells, func(c GroupCell) bool { return slices.ContainsFunc(c.PartitionLag, of) })
}
