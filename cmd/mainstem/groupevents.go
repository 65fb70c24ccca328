package main

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/coordinator"
)

// groupEvent writes a line for an event of the group coordinator. It is called on
// a shard's goroutine.
func (b *broker) groupEvent(e coordinator.Event) {
	fields := []zap.Field{zap.Int32("shard", e.Shard)}
	if e.Group != "" {
		fields = append(fields, zap.String("group", shortened(e.Group)), zap.Int32("generation", e.Generation), zap.Int("members", e.Members))
	}
	if e.Member != "" {
		fields = append(fields, zap.String("member", shortened(e.Member)))
	}
	if e.Reason != "" {
		fields = append(fields, zap.String("reason", shortened(e.Reason)))
	}
	switch {
	case e.Err != nil:
		b.log.Warn(e.Kind.String(), append(fields, zap.Error(e.Err))...)
	case e.Kind == coordinator.PatternRefused, e.Kind == coordinator.AssignmentRefused: // members go without
		b.log.Warn(e.Kind.String(), fields...)
	case e.Group != "":
		b.log.Info(e.Kind.String(), fields...)
	default:
		b.log.Debug(e.Kind.String(), append(fields, zap.Int("count", e.Count), zap.Duration("took", e.Took))...)
	}
}

// Of what clients chose, a line of the log has the beginning and the end: an id may
// have 32 KiB, of which each byte can take six in the line, and come with each request.
const (
	shownFirst = 256
	shownLast  = 128
)

func shortened(s string) string {
	left := len(s) - shownFirst - shownLast
	if left <= 0 {
		return s
	}
	return fmt.Sprintf("%s...(%d bytes)...%s", s[:shownFirst], left, s[len(s)-shownLast:])
}
