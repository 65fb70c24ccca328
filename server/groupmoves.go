package server

import (
	"fmt"
	"strings"
)

// movesShown bounds the partitions that a line of the log names.
const movesShown = 10

// movesText says for the log where partitions go.
func movesText(n int, move func(i int) (topic string, partition int32, from, to *int64)) string {
	var moves []string
	more := 0
	for i := range n {
		topic, partition, from, to := move(i)
		switch {
		case to == nil || from != nil && *from == *to:
		case len(moves) == movesShown:
			more++
		case from == nil:
			moves = append(moves, fmt.Sprintf("%s-%d to %d", topic, partition, *to))
		default:
			moves = append(moves, fmt.Sprintf("%s-%d %d to %d", topic, partition, *from, *to))
		}
	}
	if more > 0 {
		moves = append(moves, fmt.Sprintf("%d more", more))
	}
	return strings.Join(moves, ", ")
}
