package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/server"
)

const txnLong = `Look at the transactions of a running broker: which are open, for how long, what
they hold back and what will end them; abort one.

The commands speak to the broker's HTTP port, which serves its own machine only:
run them there, or come through a tunnel (ssh -L 9644:127.0.0.1:9644 HOST).`

const txnsPath = "/api/v1/transactions"

func newTxn(p process) *cobra.Command {
	c := &cobra.Command{Use: "txn", Short: "Look at transactions, or abort one", Long: txnLong, Args: cobra.NoArgs, RunE: help}
	c.AddCommand(newTxnList(p), newTxnDescribe(p), newTxnAbort(p))
	return c
}

// txnPath is where a transactional id is found; dots as in groupPath.
func txnPath(id string) string {
	return txnsPath + "/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
}

// oneTxn takes a transactional id as the only argument.
func oneTxn(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError{fmt.Errorf("which transactional id? %s ID; `mainstem txn list` shows all", c.CommandPath())}
	case len(args) > 1:
		return usageError{fmt.Errorf("one transactional id at a time: %s ID", c.CommandPath())}
	case args[0] == "":
		return usageError{errors.New("a transactional id is not empty")}
	}
	return nil
}

const txnListLong = `List all transactional ids with the state of their transaction. OPEN is for how
long it is open, ENDS when the broker aborts it if nobody ends it.

With --open it lists what is open in partitions instead: which transaction, since
when, how many records it keeps from who reads committed data, and when it ends.
NOTE says "holds" of the one that these readers wait for. One that hangs is known to
no coordinator, so it ends never, until somebody aborts it there: "mainstem txn abort
--topic TOPIC --partition N --producer ID"; its id, where one is shown, is that of its
producer, whose application has gone on without it. --topics and --hanging list some.`

func newTxnList(p process) *cobra.Command {
	var (
		f                      groupFlags
		state, pattern, longer string
		producer               producerFlag = -1
		open, hanging          bool
		topics                 topicsFlag
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List transactional ids, or what is open in partitions",
		Long:  txnListLong,
		Example: `  mainstem txn list
  mainstem txn list --longer 5m
  mainstem txn list --producer 4711
  mainstem txn list --open --topics orders
  mainstem txn list --hanging`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for _, name := range []string{"state", "pattern", "longer", "producer"} {
				if flag := cmd.Flags().Lookup(name); flag.Changed && flag.Value.String() == "" {
					return usageError{fmt.Errorf("--%s is empty: leave it out to list all", name)}
				} else if flag.Changed {
					q.Set(name, flag.Value.String())
				}
			}
			if open || hanging || topics != nil {
				if len(q) > 0 {
					return usageError{errors.New("--open, --topics and --hanging list what is open in partitions: they go without --state, --longer, --producer and --pattern")}
				}
				return f.listOpen(cmd, p, topics, hanging)
			}
			var list server.TxnList
			return f.show(cmd, p, request{path: txnsPath, query: q}, &list, func(t *groupTable) { t.txns(&list, len(q) > 0) })
		},
	}
	c.Flags().StringVar(&state, "state", "", "only those in these `STATES`: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort")
	c.Flags().StringVar(&pattern, "pattern", "", "only ids that match this regular `EXPRESSION` as a whole")
	c.Flags().StringVar(&longer, "longer", "", "only transactions that have been open for more than `TIME`, such as 5m or 1d12h")
	c.Flags().Var(&producer, "producer", "only the id whose producer has this `NUMBER`, as list --open shows it")
	c.Flags().BoolVar(&open, "open", false, "list what is open in partitions, and what ends it")
	c.Flags().Var(&topics, "topics", "list what is open in the partitions of these `TOPICS`; separated by commas")
	c.Flags().BoolVar(&hanging, "hanging", false, "list what is open in partitions and known to no coordinator")
	f.register(c, outputTable, outputWide, outputJSON)
	return c
}

// listOpen shows what is open in partitions.
func (f *groupFlags) listOpen(cmd *cobra.Command, p process, topics topicsFlag, hanging bool) error {
	q := url.Values{}
	if topics != nil {
		q.Set("topics", topics.String())
	}
	if hanging {
		q.Set("hanging", "true")
	}
	var list server.OpenTxnList
	return f.show(cmd, p, request{path: txnsPath + "-open", query: q}, &list, func(t *groupTable) {
		t.openTxns(&list, openAsked{hanging: hanging, some: topics != nil})
	})
}

func newTxnDescribe(p process) *cobra.Command {
	var f groupFlags
	c := &cobra.Command{
		Use:   "describe ID",
		Short: "Show a transaction: its partitions, what it holds back, what ends it, how the last ended",
		Long: `Show a transactional id: the state of its transaction, since when it is open, what
ends it, how the last one ended, and each of its partitions with what waits there.`,
		Example: `  mainstem txn describe payments-3`,
		Args:    oneTxn,
		RunE: func(cmd *cobra.Command, args []string) error {
			var d server.TxnDetail
			return f.show(cmd, p, request{path: txnPath(args[0])}, &d, func(t *groupTable) { t.txn(&d) })
		},
	}
	f.register(c, outputTable, outputWide, outputJSON)
	return c
}
