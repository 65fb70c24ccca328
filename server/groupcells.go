package server

import (
	"fmt"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/replication"
)

// How groups are consumed, as mode says.
const (
	modeCluster   = "cluster"   // members share the partitions
	modeBroadcast = "broadcast" // each member has all of them
	modeMember    = "member"    // the group is that of one member of a broadcast group
)

// cellPartitionsMax bounds the partitions that one answer lists of all members of
// a broadcast group; the lag of each is told in any case, of the rest in records alone.
const cellPartitionsMax = 10_000

// GroupCell is what one member of a broadcast group has consumed, or the one that
// was in its place before: the next one goes on from there.
type GroupCell struct {
	Group  string `json:"group"`            // its name, by which any tool can ask for it
	Member string `json:"member,omitempty"` // not there: nobody is in it now
	Lag    Lag    `json:"lag"`
	// PartitionLag is as in GroupDetail; null: there are too many for one answer.
	PartitionLag []GroupPartition `json:"partitionList"`
}

func modeOf(v *coordinator.GroupView) string {
	switch {
	case v.Broadcast:
		return modeBroadcast
	case v.Cell:
		return modeMember
	}
	return modeCluster
}

// describe shows one group, and of a broadcast group what each member has.
func (s *Server) describe(v *coordinator.GroupView, partitions []GroupPartition) GroupDetail {
	return s.describeUpTo(v, partitions, cellPartitionsMax)
}

func (s *Server) describeUpTo(v *coordinator.GroupView, partitions []GroupPartition, most int) GroupDetail {
	d := detail(v, partitions)
	if !v.Broadcast {
		return d
	}
	lags, listed := map[string]Lag{}, 0
	for i := range v.Cells {
		cell := s.cellOf(&v.Cells[i], listed < most)
		listed += len(cell.PartitionLag)
		lags[cell.Member] = cell.Lag
		d.Cells = append(d.Cells, cell)
	}
	for i := range d.MemberList {
		m := &d.MemberList[i]
		m.Lag = lags[m.Member]
	}
	return d
}

func (s *Server) cellOf(v *coordinator.GroupView, list bool) GroupCell {
	cell := GroupCell{Group: v.ID}
	if len(v.Members) > 0 {
		cell.Member = v.Members[0].ID
	}
	partitions := s.measureTo(v, list)
	for i := range partitions {
		if lag := partitions[i].Lag; lag != nil {
			cell.Lag.add(lag)
		}
	}
	if list {
		cell.PartitionLag = partitions
	}
	return cell
}

// measureMembers is measure with the members who own the partitions: of a broadcast
// group those of its members at work, each with its own. Bytes and seconds are there
// for what has stood still for so long, as far as that is not too much to look up.
func (s *Server) measureMembers(v *coordinator.GroupView, still time.Duration) []GroupPartition {
	if !v.Broadcast {
		return s.measure(v)
	}
	var out []GroupPartition
	now, deep := s.clock.Now(), 0
	for i := range v.Cells {
		cell := &v.Cells[i]
		if len(cell.Members) == 0 {
			continue
		}
		partitions := s.measureTo(cell, false)
		for j := range partitions {
			p := &partitions[j]
			if p.Lag == nil || p.Lag.Records == 0 || now.Sub(p.CommittedAt) < still || deep == cellPartitionsMax {
				continue
			}
			deep++
			if part, err := s.partitions.Find(p.Topic, p.Partition); err == nil {
				p.measure(part, now)
			}
		}
		out = append(out, partitions...)
	}
	return out
}

// cellPlaces is where each member of a broadcast group is: what is done to the
// group is done to all of them.
type cellPlaces struct {
	cells     int
	committed map[partitionKey][]int64 // of those that committed anything there
}

// placesOfCells is nil for a group that is not one.
func placesOfCells(v *coordinator.GroupView) *cellPlaces {
	if len(v.Cells) == 0 {
		return nil
	}
	at := &cellPlaces{cells: len(v.Cells), committed: map[partitionKey][]int64{}}
	for i := range v.Cells {
		for key, p := range committedPlaces(&v.Cells[i]) {
			if p.Offset >= 0 {
				at.committed[key] = append(at.committed[key], p.Offset)
			}
		}
	}
	return at
}

// plan says what it means that all members go to one place.
func (c *cellPlaces) plan(key partitionKey, part *replication.Partition, p *ResetPartition) error {
	from := c.committed[key]
	slices.Sort(from)
	for rest, same := from, 0; len(rest) > 0; rest = rest[same:] { // most are where others are: at the end
		for same = 1; same < len(rest) && rest[same] == rest[0]; {
			same++
		}
		if err := p.moves(part, rest[0], int64(same)); err != nil {
			return err
		}
	}
	note := "of all " + words.Counted(c.cells, "member", "members")
	switch {
	case len(from) == 0:
		note += ", which have committed nothing"
	case len(from) < c.cells:
		note += fmt.Sprintf(", %d of them at %d to %d", len(from), from[0], from[len(from)-1])
	default:
		note += fmt.Sprintf(", at %d to %d", from[0], from[len(from)-1])
	}
	if p.Note != "" {
		note += "; " + p.Note
	}
	p.Note = note
	return nil
}
