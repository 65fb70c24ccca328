package server

import (
	"fmt"
	"strings"
)

// movesShown bounds the partitions that a line of the log names.
const movesShown = 10

// movesText says for the log where the partitions of a plan go.
func movesText[P interface{ move() ResetPartition }](plan []P) string {
	var moves []string
	more := 0
	for i := range plan {
		switch p := plan[i].move(); {
		case p.To == nil || p.Committed != nil && *p.Committed == *p.To:
		case len(moves) == movesShown:
			more++
		case p.Committed == nil:
			moves = append(moves, fmt.Sprintf("%s-%d to %d", p.Topic, p.Partition, *p.To))
		default:
			moves = append(moves, fmt.Sprintf("%s-%d %d to %d", p.Topic, p.Partition, *p.Committed, *p.To))
		}
	}
	if more > 0 {
		moves = append(moves, fmt.Sprintf("%d more", more))
	}
	return strings.Join(moves, ", ")
}
