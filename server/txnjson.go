package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
)

// The transactions as the HTTP API shows them. The fields are what its users see,
// so they are not renamed. Times are UTC, spans are seconds.

// TxnList is the answer about all transactional ids.
type TxnList struct {
	Transactions []TxnSummary `json:"transactions"` // by id
}

// TxnSummary is one transactional id in short.
type TxnSummary struct {
	ID             string    `json:"transactionalId"`
	State          string    `json:"state"` // Kafka's name
	ProducerID     int64     `json:"producerId"`
	ProducerEpoch  int16     `json:"producerEpoch"`
	TimeoutSeconds float64   `json:"timeoutSeconds"`
	Started        time.Time `json:"started,omitzero"` // of its transaction that is open, or else the last one
	Updated        time.Time `json:"updated"`
	AbortedAt      time.Time `json:"abortedAt,omitzero"` // when an open one will be, if nobody ends it
	Partitions     int       `json:"partitions"`         // in the open transaction
	Unmarked       int       `json:"unmarked,omitempty"` // of these, without their marker yet; it is decided
	Waiting        int       `json:"waiting,omitempty"`  // requests that wait until it is over

	// Whom the producer was given to; not known after a start of the broker.
	ClientID   string `json:"clientId,omitempty"`
	ClientHost string `json:"clientHost,omitempty"`
}

// TxnDetail is one transactional id with where its transaction is open.
type TxnDetail struct {
	TxnSummary

	PartitionList []TxnPartition `json:"partitionList"`
	Why           string         `json:"why"`               // in words: what ends it, and whom it holds up
	LastEnd       *TxnEnd        `json:"lastEnd,omitempty"` // of the newest that is decided; not there: none was, or it is not known
	Last          string         `json:"last"`              // the same in words
}

// TxnPartition is a partition that is part of a transaction.
type TxnPartition struct {
	Topic     string         `json:"topic"`
	Partition int32          `json:"partition"`
	Deleted   bool           `json:"deleted,omitempty"` // there is no such partition any more
	Open      *OpenTxnDetail `json:"open,omitempty"`    // not there: nothing was written, or its marker is
	HeldBy    *OpenTxnDetail `json:"heldBy,omitempty"`  // an older one, which the last stable offset waits for first
}

// OpenTxnList is the answer about all that is open in partitions.
type OpenTxnList struct {
	Open []OpenTxnDetail `json:"open"` // by topic, partition and offset
}

// OpenTxnDetail is a transaction that is open in a partition.
type OpenTxnDetail struct {
	Topic         string    `json:"topic"`
	Partition     int32     `json:"partition"`
	LastStable    int64     `json:"lastStableOffset"`
	HighWatermark int64     `json:"highWatermark"`
	First         int64     `json:"firstOffset"`
	ProducerID    int64     `json:"producerId"`
	ProducerEpoch int16     `json:"producerEpoch"`
	Since         time.Time `json:"since,omitzero"`            // not there: not known
	ID            string    `json:"transactionalId,omitempty"` // of its producer; not there: no id has that
	State         string    `json:"state,omitempty"`           // of that id; not there: see hanging
	AbortedAt     time.Time `json:"abortedAt,omitzero"`
	ClientID      string    `json:"clientId,omitempty"`
	ClientHost    string    `json:"clientHost,omitempty"`
	Holds         bool      `json:"holds"`             // it is this one that the last stable offset waits for
	Hanging       bool      `json:"hanging,omitempty"` // no coordinator knows it, so nobody will ever end it
	Ends          string    `json:"ends"`              // in words: what ends it
}

// TxnAbort asks to abort a transaction.
type TxnAbort struct {
	Started time.Time `json:"started,omitzero"` // another one than began then stays
}

// TxnAborted is the answer to who aborted a transaction.
type TxnAborted struct {
	ID string `json:"transactionalId"`
}

// ProducerAbort asks to abort a hanging transaction in one partition.
type ProducerAbort struct {
	ProducerID *int64 `json:"producerId"`  // required
	First      *int64 `json:"firstOffset"` // another one than began there stays
	DryRun     bool   `json:"dryRun"`      // only say which one it is
}

// ProducerAborted is the answer: what was aborted, and how far who reads committed
// data gets now.
type ProducerAborted struct {
	DryRun     bool          `json:"dryRun,omitempty"`
	Aborted    OpenTxnDetail `json:"aborted"`
	LastStable int64         `json:"lastStableOffset"`
}

func summarizeTxn(v *txn.View) TxnSummary {
	t := TxnSummary{
		ID: v.ID, State: v.State.String(), ProducerID: int64(v.Producer.ID), ProducerEpoch: int16(v.Producer.Epoch),
		TimeoutSeconds: float64(v.Timeout) / 1000, Updated: time.UnixMilli(v.Updated).UTC(),
		Partitions: len(v.Partitions), Unmarked: v.Unmarked, Waiting: v.Waiting,
		ClientID: v.Client.ClientID, ClientHost: strings.TrimPrefix(v.Client.ClientHost, "/"),
	}
	if v.Start >= 0 {
		t.Started = time.UnixMilli(v.Start).UTC()
	}
	if v.State == txn.Ongoing {
		t.AbortedAt = time.UnixMilli(v.Start + int64(v.Timeout)).UTC()
	}
	return t
}

// whyTxn says in words how a transaction is.
func whyTxn(d *TxnDetail, state txn.State) string {
	switch state {
	case txn.Ongoing:
		return fmt.Sprintf("its producer has not ended it; %s. It ends with the producer's commit or abort, with a new producer of this id, "+
			"at its timeout, or by `mainstem txn abort`", d.readers()+d.offsets())
	case txn.PrepareCommit, txn.PrepareAbort:
		outcome := "to be committed"
		if state == txn.PrepareAbort {
			outcome = "to be aborted"
		}
		return fmt.Sprintf("it is decided %s; %d of its %d partitions have no marker yet. They are tried until they have: "+
			"if that lasts, the broker's log says what refuses them", outcome, d.Unmarked, d.Partitions)
	case txn.Empty, txn.CompleteCommit, txn.CompleteAbort:
	}
	return "no transaction is open"
}

// readers says who waits for an open transaction.
func (d *TxnDetail) readers() (text string) {
	held, behind, hanging := 0, 0, 0
	for i := range d.PartitionList {
		switch p := &d.PartitionList[i]; {
		case p.Open == nil, p.Topic == cluster.OffsetsTopic: // nobody reads committed data there
		case p.Open.Holds:
			held++
		default:
			behind++
			if p.HeldBy != nil && p.HeldBy.Hanging {
				hanging++
			}
		}
	}
	switch {
	case held+behind == 0:
		return "no records are written, so nobody who reads committed data waits for it"
	case behind == 0:
		return fmt.Sprintf("who reads committed data waits for it in %d of its %d partitions", held, d.Partitions)
	case held == 0:
		text = fmt.Sprintf("who reads committed data waits for older ones before it, in %d of its %d partitions", behind, d.Partitions)
	default:
		text = fmt.Sprintf("who reads committed data waits for it in %d of its %d partitions, and in %d for older ones before it", held, d.Partitions, behind)
	}
	if hanging > 0 {
		text += fmt.Sprintf("; in %d of these the older one hangs", hanging)
	}
	return text
}

// offsets says who waits for offsets of groups that are part of an open transaction.
func (d *TxnDetail) offsets() string {
	for i := range d.PartitionList {
		if p := &d.PartitionList[i]; p.Open != nil && p.Topic == cluster.OffsetsTopic {
			return "; it holds offsets of groups, and who is given their partitions waits for it"
		}
	}
	return ""
}
