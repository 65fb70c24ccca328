package replication

import (
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// waiter is an answer that waits for the high watermark to reach until.
type waiter struct {
	until  model.Offset
	result AppendResult
	done   func(AppendResult)
}

// waiterList is sorted by until. Appends arrive in order, so that adding is a
// push at the end; only duplicates of a batch in flight land further in front.
type waiterList struct {
	list []*waiter
}

func (l *waiterList) add(w *waiter) {
	i := len(l.list)
	for i > 0 && l.list[i-1].until > w.until {
		i--
	}
	l.list = slices.Insert(l.list, i, w)
}

// takeUpTo removes and returns those that hw satisfies.
func (l *waiterList) takeUpTo(hw model.Offset) []*waiter {
	n := 0
	for n < len(l.list) && l.list[n].until <= hw {
		n++
	}
	if n == 0 {
		return nil
	}
	taken := l.list[:n:n]
	if n == len(l.list) {
		l.list = nil // the taken ones keep the array
	} else {
		l.list = l.list[n:]
	}
	return taken
}

// takeAbove removes and returns those that wait for more than end.
func (l *waiterList) takeAbove(end model.Offset) []*waiter {
	n := len(l.list)
	for n > 0 && l.list[n-1].until > end {
		n--
	}
	taken := slices.Clone(l.list[n:])
	clear(l.list[n:])
	l.list = l.list[:n]
	return taken
}

func succeedAll(ws []*waiter, logStart model.Offset) {
	for _, w := range ws {
		w.result.LogStart = logStart
		w.done(w.result)
	}
}

func failAll(ws []*waiter, err *protocol.Error) {
	for _, w := range ws {
		w.done(failure(err))
	}
}

func failure(err *protocol.Error) AppendResult {
	return AppendResult{Err: err, BaseOffset: -1, LastOffset: -1, LogAppendTime: -1, LogStart: -1}
}
