package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mainstem-mq/mainstem/cluster"
)

const serveLong = `Serve Kafka clients until SIGTERM or SIGINT.

The data directory is made if it does not exist and belongs to one broker at a
time. Every setting of "mainstem config print --all" can be given by --set, in
the environment or in a file.`

func newServe(p process) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the broker (also without a command)",
		Long:  serveLong,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("serve takes no argument %q; a data directory is given as --data-dir %s", args[0], args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load(p.environ, os.Hostname)
			if err != nil {
				return err
			}
			logger, err := newLogger(cfg, p.stderr)
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings {
				logger.Warn(w)
			}
			err = runBroker(cmd.Context(), cfg, logger, p)
			// Syncing a terminal fails on Linux; nothing is lost by that.
			_ = logger.Sync()
			return err
		},
	}
	o.register(c.Flags())
	return c
}

func newLogger(cfg Config, w io.Writer) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(cfg.Resolver.Text(&cluster.Image{}, cluster.LogLevelKey))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cluster.LogLevelKey, err)
	}
	e := zap.NewProductionEncoderConfig()
	e.EncodeTime = zapcore.ISO8601TimeEncoder
	e.EncodeLevel = zapcore.CapitalLevelEncoder
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(e), zapcore.Lock(zapcore.AddSync(w)), level)
	return zap.New(core, zap.ErrorOutput(zapcore.Lock(zapcore.AddSync(w)))), nil
}
