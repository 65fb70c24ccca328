package server

import (
	"strconv"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// resetTo finds the new offset of one partition.
type resetTo func(part *replication.Partition, o replication.Offsets, committed *int64) (offset int64, note string, err error)

// parseReset reads where to. Times in the past are counted from now.
func parseReset(to string, now time.Time) (find resetTo, single bool, err error) {
	switch to {
	case "earliest":
		return func(_ *replication.Partition, o replication.Offsets, _ *int64) (int64, string, error) {
			return int64(o.LogStart), "", nil
		}, false, nil
	case "latest":
		return func(_ *replication.Partition, o replication.Offsets, _ *int64) (int64, string, error) {
			return int64(o.HighWatermark), "", nil
		}, false, nil
	}
	if n, err := strconv.ParseInt(to, 10, 64); err == nil && to[0] != '+' {
		if to[0] == '-' {
			return resetBack(-n), false, nil
		}
		return func(*replication.Partition, replication.Offsets, *int64) (int64, string, error) { return n, "", nil }, true, nil
	}
	if d, ok := parseAgo(to); ok {
		return resetTime(now.Add(-d)), false, nil
	}
	if at, err := time.Parse(time.RFC3339, to); err == nil {
		return resetTime(at), false, nil
	}
	if _, err := time.Parse(time.DateOnly, to); err == nil {
		return nil, false, protocol.Errorf(protocol.InvalidRequest, "to=%s is a day; say from when on, and in which time zone: %sT00:00:00Z, or %sT00:00:00+02:00", to, to, to)
	}
	return nil, false, protocol.Errorf(protocol.InvalidRequest,
		"to=%s is not earliest, latest, a time (2026-11-22T13:00:00Z, or 15m for so long ago, in d, h, m and s), an offset, or -N for N records back", words.Quoted(to))
}

// agoDaysMax bounds the days of "so long ago" to what a duration can hold.
const agoDaysMax = 36_500

// parseAgo reads a span such as 15m, 1h30m or, beyond what Go reads, 2d or 1d12h.
func parseAgo(text string) (time.Duration, bool) {
	var days int64
	if first, rest, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(first, 10, 64)
		if err != nil || n > agoDaysMax {
			return 0, false
		}
		days, text = int64(n), rest
		if text == "" {
			text = "0s"
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, false
	}
	all := time.Duration(days)*24*time.Hour + d
	return all, all >= d // beyond what a duration holds it is negative
}

// resetBack goes some records back; without a committed offset there is no back.
func resetBack(n int64) resetTo {
	return func(_ *replication.Partition, o replication.Offsets, committed *int64) (int64, string, error) {
		if committed == nil {
			return -1, "nothing is committed, so it stays as it is", nil
		}
		return max(min(*committed, int64(o.HighWatermark))-n, 0), "", nil
	}
}

// resetTime goes to the first record of a time or later.
func resetTime(at time.Time) resetTo {
	return func(part *replication.Partition, o replication.Offsets, _ *int64) (int64, string, error) {
		found, err := part.FindOffset(max(at.UnixMilli(), 0), false, -1)
		switch {
		case err != nil:
			return 0, "", err
		case found.Offset < 0:
			return int64(o.HighWatermark), "no record is of that time or later: the end", nil
		}
		return int64(found.Offset), "", nil
	}
}
