package words

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Counted is a number and what it counts.
func Counted[N int | int32 | int64 | uint32 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Bytes is a number of bytes for people. What is compared with another number
// must not look the same, so gibibytes and tebibytes begin at ten.
func Bytes(n int64) string {
	const kibi, mebi, gibi, tebi = 1 << 10, 1 << 20, 1 << 30, 1 << 40
	switch {
	case n >= 10*tebi:
		return fmt.Sprintf("%.1f TiB", float64(n)/tebi)
	case n >= 10*gibi:
		return fmt.Sprintf("%.1f GiB", float64(n)/gibi)
	case n >= mebi:
		return fmt.Sprintf("%.1f MiB", float64(n)/mebi)
	case n >= kibi:
		return fmt.Sprintf("%.1f KiB", float64(n)/kibi)
	}
	return fmt.Sprintf("%d bytes", n)
}

// Span is a span of time for people, in at most two units.
func Span(d time.Duration) string {
	d = max(d, 0)
	days := int64(d / (24 * time.Hour))
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int64(d.Seconds()))
	case d < time.Hour:
		return twoUnits(int64(d.Minutes()), "min", int64(d.Seconds())%60, "s")
	case days < 2:
		return twoUnits(int64(d.Hours()), "h", int64(d.Minutes())%60, "min")
	}
	return twoUnits(days, "d", int64(d.Hours())%24, "h")
}

func twoUnits(large int64, unit string, small int64, smaller string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", large, unit)
	}
	return fmt.Sprintf("%d %s %d %s", large, unit, small, smaller)
}

// Ranges shortens ascending numbers.
func Ranges(numbers []int32) string {
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := strconv.Itoa(int(numbers[i]))
		if j > i {
			part += "-" + strconv.Itoa(int(numbers[j]))
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}
