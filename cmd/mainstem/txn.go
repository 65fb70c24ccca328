package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

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

const txnListLong = `List all transactional ids with the state of their transaction. OPEN is since when
it is open, ENDS when the broker aborts it if nobody ends it.

With --open it lists what is open in partitions instead: HOLDS marks the transaction
that who reads committed data waits for. A hanging one is known to no coordinator,
so nothing will end it: kafka-transactions.sh abort does.`

func newTxnList(p process) *cobra.Command {
	var (
		f              groupFlags
		state, pattern string
		longer         time.Duration
		open           bool
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List transactional ids, or what is open in partitions",
		Long:  txnListLong,
		Example: `  mainstem txn list
  mainstem txn list --longer 5m
  mainstem txn list --open`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for name, value := range map[string]string{"state": state, "pattern": pattern} {
				if value != "" {
					q.Set(name, value)
				}
			}
			if longer != 0 {
				q.Set("longer", longer.String())
			}
			if open {
				if len(q) > 0 {
					return usageError{errors.New("--open lists what is open in partitions, all of it: it goes without --state, --longer and --pattern")}
				}
				var list server.OpenTxnList
				return f.show(cmd, p, request{path: txnsPath + "-open"}, &list, func(t *groupTable) { t.openTxns(&list) })
			}
			var list server.TxnList
			return f.show(cmd, p, request{path: txnsPath, query: q}, &list, func(t *groupTable) { t.txns(&list) })
		},
	}
	c.Flags().StringVar(&state, "state", "", "only those in these `STATES`: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort")
	c.Flags().StringVar(&pattern, "pattern", "", "only ids that match this regular `EXPRESSION` as a whole")
	c.Flags().Var((*spanFlag)(&longer), "longer", "only transactions that have been open for more than `TIME`, such as 5m")
	c.Flags().BoolVar(&open, "open", false, "list what is open in partitions, and what hangs there")
	f.register(c, outputTable, outputWide, outputJSON)
	return c
}

func newTxnDescribe(p process) *cobra.Command {
	var f groupFlags
	c := &cobra.Command{
		Use:   "describe ID",
		Short: "Show a transaction: its partitions, what it holds back, what ends it",
		Long: `Show a transactional id: the state of its transaction, since when it is open, what
ends it, and each of its partitions with what waits for it there.`,
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

const txnAbortLong = `Abort the open transaction of a transactional id: nobody who reads committed data
will see its records. Its producer is told so when it next writes or commits.

It shows the transaction and asks before it does it. For a hanging transaction, which
has no transactional id, there is kafka-transactions.sh abort.`

func newTxnAbort(p process) *cobra.Command {
	var f groupFlags
	var yes bool
	c := &cobra.Command{
		Use:     "abort ID",
		Short:   "Abort the open transaction of a transactional id",
		Long:    txnAbortLong,
		Example: `  mainstem txn abort payments-3`,
		Args:    oneTxn,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				var d server.TxnDetail
				raw, err := f.ask(cmd.Context(), p, request{path: txnPath(args[0])}, &d)
				if err != nil {
					return err
				}
				preview := groupFlags{output: outputTable}
				if err := preview.print(cmd.ErrOrStderr(), raw, func(t *groupTable) { t.txn(&d) }); err != nil {
					return err
				}
				if err := confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), false); err != nil {
					return err
				}
			}
			var done server.TxnAborted
			r := request{method: http.MethodPost, path: txnPath(args[0]) + "/abort"}
			return f.show(cmd, p, r, &done, func(t *groupTable) {
				t.printf("the transaction of %s is aborted\n", server.Quoted(done.ID))
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	f.register(c, outputTable, outputJSON)
	return c
}
