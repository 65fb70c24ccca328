package server

import (
	"errors"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// asError turns any room's error into one that a client can be told. What is
// not a client's business keeps its words for the log.
func asError(err error) *protocol.Error {
	if err == nil {
		return nil
	}
	var e *protocol.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, cluster.ErrClosed):
		return protocol.Errorf(protocol.NotController, "the broker is shutting down: retry")
	default:
		return protocol.Errorf(protocol.UnknownServerError, "the broker failed; its log has the details")
	}
}

// messageOf is the text of an error for a client, "" for none.
func messageOf(err error) string {
	if m := protocol.MessageOf(err); m != nil {
		return *m
	}
	return ""
}
