package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/server"
)

const txnAbortLong = `Abort the open transaction of a transactional id: nobody who reads committed data
will see its records. Its producer is refused when it next writes or commits, which
many clients take for the end of the producer: plan to start the application again.

With --topic, --partition and --producer it aborts a hanging transaction in that
partition: one that is open there and that no coordinator knows, so that nothing else
ends it. "mainstem txn list --hanging" shows them. A transaction that is known is
refused: its id is what to abort.

It shows the transaction and asks before it does it. If that one is over meanwhile,
nothing is aborted. It ends when who reads committed data can go on.`

// txnAbort is the command's flags.
type txnAbort struct {
	groupFlags

	topic     string
	partition int32
	producer  producerFlag
	yes       bool
}

func newTxnAbort(p process) *cobra.Command {
	a := txnAbort{producer: -1}
	c := &cobra.Command{
		Use:   "abort ID | --topic TOPIC --partition N --producer ID",
		Short: "Abort the transaction of an id, or a hanging one in a partition",
		Long:  txnAbortLong,
		Example: `  mainstem txn abort payments-3
  mainstem txn abort --topic orders --partition 3 --producer 4711`,
		Args: func(cmd *cobra.Command, args []string) error {
			given := 0
			for _, name := range []string{"topic", "partition", "producer"} {
				if cmd.Flags().Changed(name) {
					given++
				}
			}
			switch {
			case given == 0:
				return oneTxn(cmd, args)
			case len(args) > 0:
				return usageError{errors.New("a transactional id goes without --topic, --partition and --producer: these are for a transaction that has no id")}
			case given < 3 || a.topic == "" || a.partition < 0 || a.producer < 0:
				return usageError{errors.New("a hanging transaction is named by all of --topic, --partition and --producer; `mainstem txn list --hanging -o wide` shows them")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.hanging(cmd, p)
			}
			return a.id(cmd, p, args[0])
		},
	}
	c.Flags().StringVar(&a.topic, "topic", "", "`TOPIC` in which a transaction hangs")
	c.Flags().Int32Var(&a.partition, "partition", 0, "`NUMBER` of the partition in which it hangs")
	c.Flags().Var(&a.producer, "producer", "`ID` of its producer, a number")
	c.Flags().BoolVar(&a.yes, "yes", false, "do not ask")
	a.register(c, outputTable, outputJSON)
	return c
}

// id aborts the transaction of a transactional id: the one that it has shown.
func (a *txnAbort) id(cmd *cobra.Command, p process, id string) error {
	var req server.TxnAbort
	if !a.yes {
		var d server.TxnDetail
		raw, err := a.ask(cmd.Context(), p, request{path: txnPath(id)}, &d)
		if err != nil {
			return err
		}
		if d.AbortedAt.IsZero() {
			return fmt.Errorf("%s is in %s, and only an Ongoing transaction can be aborted: %s", words.Quoted(id), d.State, d.Why)
		}
		if err := a.agreed(cmd, raw, func(t *groupTable) { t.txn(&d) }); err != nil {
			return err
		}
		req.Started = d.Started
	}
	var done server.TxnAborted
	r := request{method: http.MethodPost, path: txnPath(id) + "/abort", body: &req}
	return a.show(cmd, p, r, &done, func(t *groupTable) {
		t.printf("the transaction of %s is aborted\n", words.Quoted(done.ID))
	})
}

// hanging aborts a transaction that no coordinator knows: the one that it has shown.
func (a *txnAbort) hanging(cmd *cobra.Command, p process) error {
	path := fmt.Sprintf("/api/v1/partitions/%s/%d/abort-producer", url.PathEscape(a.topic), a.partition)
	producer := int64(a.producer)
	req := server.ProducerAbort{ProducerID: &producer}
	if !a.yes {
		var seen server.ProducerAborted
		req.DryRun = true
		raw, err := a.ask(cmd.Context(), p, request{method: http.MethodPost, path: path, body: &req}, &seen)
		if err != nil {
			return err
		}
		list := server.OpenTxnList{Open: []server.OpenTxnDetail{seen.Aborted}}
		if err := a.agreed(cmd, raw, func(t *groupTable) { t.openTxns(&list, openAsked{hanging: true, preview: true}) }); err != nil {
			return err
		}
		req.DryRun, req.First = false, &seen.Aborted.First
	}
	var done server.ProducerAborted
	return a.show(cmd, p, request{method: http.MethodPost, path: path, body: &req}, &done, func(t *groupTable) {
		t.printf("the transaction of producer %d in %s-%d is aborted; who reads committed data gets what is below offset %s\n",
			done.Aborted.ProducerID, words.Quoted(a.topic), a.partition, strconv.FormatInt(done.LastStable, 10))
	})
}

// agreed shows what would be aborted, and asks.
func (a *txnAbort) agreed(cmd *cobra.Command, raw []byte, table func(*groupTable)) error {
	preview := groupFlags{output: outputTable}
	if err := preview.print(cmd.ErrOrStderr(), raw, table); err != nil {
		return err
	}
	return confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), false)
}
