package txn

import (
	"fmt"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// A code says that a producer is refused, and hardly why: PRODUCER_FENCED is the same
// after a timeout and beside a twin. So there are words with it, as far as the reason
// is known, and what to do. They go to the client where its protocol has room for
// them, and to the log.

// What a client can do that is refused.
const (
	doAnew = "abort, and begin anew; a client that cannot needs a new producer"
	doMake = "make a new producer"
	doStop = "if both are to run, give each an id of its own, and else stop one; to go on here, make a new producer"
)

// refused tells of a producer that is refused, and returns the words for its client.
// What passes by itself is not told of.
func (s *step) refused(id string, tx *transaction, who Producer, code protocol.ErrorCode) string {
	if code == protocol.NoError {
		return ""
	}
	words := refusal(tx, who, code)
	switch code { //nolint:exhaustive // All others pass, or are no refusal.
	case protocol.ProducerFenced, protocol.InvalidProducerIDMapping, protocol.InvalidTxnState, protocol.InvalidRequest:
		s.event(Event{Kind: Refused, ID: id, Producer: who, Code: code, Reason: words})
	}
	return words
}

// refusal says why a producer is refused, and what to do. tx is nil for an id that is
// not known.
func refusal(tx *transaction, who Producer, code protocol.ErrorCode) string {
	var f *fencing
	if tx != nil {
		f = tx.fencingOf(who)
	}
	switch code { //nolint:exhaustive // Where the code says all there are no words.
	case protocol.ConcurrentTransactions:
		return "the transaction before is still being ended; try again"
	case protocol.TransactionAbortable:
		return "the partition was not added to the transaction, or that has ended; " + doAnew
	case protocol.InvalidRequest:
		return "the transaction would have more partitions than one record can hold; use fewer in a transaction"
	case protocol.InvalidProducerIDMapping:
		switch {
		case tx == nil:
			return "nobody has this id: it was not used for transactional.id.expiration.ms and has expired, or there never was a producer of it; " + doMake
		case f == nil:
			return fmt.Sprintf("the id belongs to producer %d now%s: it had expired when that one came, or the epochs of this one were used up; %s", tx.producer, tx.caller.words(), doMake)
		}
		return tx.fencedWords(f)
	case protocol.ProducerFenced:
		return tx.staleWords(f, who)
	case protocol.InvalidTxnState:
		if f != nil {
			return tx.fencedWords(f)
		}
		return tx.overWords()
	}
	return ""
}

// overWords is for who ends a transaction that is not open.
func (tx *transaction) overWords() string {
	const anew = "; begin a new one"
	switch tx.state {
	case CompleteCommit:
		return "no transaction is open: the last one was committed" + anew
	case CompleteAbort:
		return "no transaction is open: the last one was aborted" + anew
	case Empty, Ongoing, PrepareCommit, PrepareAbort, stateCount:
	}
	return "no transaction is open: none was begun since the producer was made" + anew
}

// staleWords is for a producer whose epoch is not the one of the id.
func (tx *transaction) staleWords(f *fencing, who Producer) string {
	switch {
	case f != nil:
		return tx.fencedWords(f)
	case who.ID == tx.producer && who.Epoch > tx.epoch:
		return fmt.Sprintf("nobody was given this epoch: the newest is %d; %s", tx.epoch, doMake)
	}
	return fmt.Sprintf("a newer producer came with this id, or its transaction timed out or was aborted by an operator: it is not known any more which. "+
		"The id belongs to producer %d, epoch %d, now%s; %s. Is it refused again, two run with this id: stop one", tx.producer, tx.epoch, tx.caller.words(), doMake)
}

// fencedWords is for a producer of which it is known how it lost its place.
func (tx *transaction) fencedWords(f *fencing) string {
	at := time.UnixMilli(f.at).UTC().Format(time.RFC3339)
	todo := doAnew
	if tx.producer != f.who.ID || tx.epoch != bump(f.who.Epoch) || tx.state == Empty {
		todo = doMake // another one has the id since, or none was left of it
	}
	switch f.why {
	case ByTimeout:
		return fmt.Sprintf("its transaction was aborted at %s: nobody had ended it in %v, its timeout; %s", at, time.Duration(f.open)*time.Millisecond, todo)
	case ByOperator:
		return fmt.Sprintf("an operator aborted its transaction at %s%s; %s", at, f.by.words(), todo)
	case ByNewer, ByClient, reasonCount:
	}
	return fmt.Sprintf("a newer producer came with this id at %s%s; %s", at, f.by.words(), doStop)
}

// words names a caller in a sentence, if it is known.
func (c Caller) words() string {
	text := ""
	if c.ClientID != "" {
		text += fmt.Sprintf(" client %q", c.ClientID)
	}
	if c.ClientHost != "" {
		text += " at " + strings.TrimPrefix(c.ClientHost, "/")
	}
	if text == "" {
		return ""
	}
	return " (" + text[1:] + ")"
}
