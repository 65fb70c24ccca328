package cli

import (
	"slices"
	"strconv"
	"strings"
)

// wordList joins words with commas and an "or".
func wordList(words []string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " or " + words[n]
}

// numberList joins numbers with commas.
func numberList(numbers []int32) string {
	if len(numbers) == 0 {
		return "-"
	}
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(int(n))
	}
	return strings.Join(words, ",")
}

// nearest is the name that a mistyped one was most likely meant to be; "" if none is
// close.
func nearest(name string, names []string) string {
	best, least := "", 1+max(1, len(name)/3)
	for _, n := range slices.Sorted(slices.Values(names)) {
		if len(n)-len(name) >= least || len(name)-len(n) >= least {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is how many bytes have to be put in, left out, changed, or swapped with
// their neighbour.
func distance(a, b string) int {
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		now[0] = i + 1
		for j := range len(b) {
			d := last[j]
			if a[i] != b[j] {
				d++
			}
			d = min(d, last[j+1]+1, now[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			now[j+1] = d
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
