package server

import (
	"net"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/words"
)

// TxnEnd is how a transaction ended.
type TxnEnd struct {
	Outcome string    `json:"outcome"` // commit or abort
	Reason  string    `json:"reason"`  // client, timeout, newer-producer, operator; unknown: the broker was started since
	At      time.Time `json:"at"`      // of the decision; where the reason is unknown, of the last marker
	// Whose client came with the id, or the operator's.
	ByClientID   string `json:"byClientId,omitempty"`
	ByClientHost string `json:"byClientHost,omitempty"`
}

// reasonText is a reason in JSON.
func reasonText(why txn.Reason) string {
	switch why {
	case txn.ByClient:
		return "client"
	case txn.ByTimeout:
		return "timeout"
	case txn.ByNewer:
		return "newer-producer"
	case txn.ByOperator:
		return "operator"
	}
	return reasonUnknown
}

const reasonUnknown = "unknown"

// lastEndOf is how the newest transaction of an id ended that is decided; nil if there
// is none, or nothing is known of it.
func lastEndOf(v *txn.View) *TxnEnd {
	outcome := func(commit bool) string {
		if commit {
			return "commit"
		}
		return "abort"
	}
	switch {
	case v.Last != nil:
		return &TxnEnd{
			Outcome: outcome(v.Last.Commit), Reason: reasonText(v.Last.Why), At: time.UnixMilli(v.Last.At).UTC(),
			ByClientID: v.Last.By.ClientID, ByClientHost: strings.TrimPrefix(v.Last.By.ClientHost, "/"),
		}
	case v.State == txn.CompleteCommit, v.State == txn.CompleteAbort:
		return &TxnEnd{Outcome: outcome(v.State == txn.CompleteCommit), Reason: reasonUnknown, At: time.UnixMilli(v.Updated).UTC()}
	}
	return nil
}

// lastEndText says it in words.
func lastEndText(v *txn.View, end *TxnEnd) string {
	which := "the last transaction"
	if v.State == txn.Ongoing {
		which = "the transaction before"
	}
	switch {
	case end == nil && v.Whole:
		return "no transaction of it has ended yet"
	case end == nil:
		return "when and why " + which + " ended is not known since the broker was started"
	}
	text := which + " was committed"
	if end.Outcome == "abort" {
		text = which + " was aborted"
	}
	at := " at " + end.At.Format(time.RFC3339)
	switch end.Reason {
	case reasonText(txn.ByClient):
		return text + at + ", by its producer"
	case reasonText(txn.ByTimeout):
		return text + at + ", at its timeout: nobody had ended it"
	case reasonText(txn.ByNewer):
		return text + at + ", as a newer producer came with the id" + end.by()
	case reasonText(txn.ByOperator):
		return text + at + ", by an operator" + end.by()
	}
	return text + " by" + strings.TrimPrefix(at, " at") + "; by whom is not known since the broker was started"
}

// by names who ended it, if that is known.
func (e *TxnEnd) by() string {
	text := ""
	if e.ByClientID != "" {
		text += " client " + words.Quoted(e.ByClientID)
	}
	if e.ByClientHost != "" {
		text += " at " + e.ByClientHost
	}
	if text == "" {
		return ""
	}
	return " (" + strings.TrimPrefix(text, " ") + ")"
}

// hostOf is an address without its port, as clients are shown.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
