package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/mainstem-mq/mainstem/cluster"
)

// probePorts finds addresses that are in use before anything is written: the
// listeners are opened last, and a mistyped port should leave nothing behind. All
// are held until the last is probed, so that two of the broker's own do not meet.
func (b *broker) probePorts(ctx context.Context) (err error) {
	var held probes
	defer func() { err = errors.Join(err, held.close()) }()
	for _, l := range b.cfg.Listeners {
		if err := held.probe(ctx, l.Address()); err != nil {
			return fmt.Errorf("clients cannot be served on %s: %w (choose another address with --listen, or the setting %s)",
				l.Address(), err, cluster.ListenersKey)
		}
	}
	if b.cfg.HTTP == "" {
		return nil
	}
	if err := held.probe(ctx, b.cfg.HTTP); err != nil {
		if own := held.on(b.cfg.HTTP); own != "" {
			err = fmt.Errorf("Kafka clients are served on %s, and each needs a port of its own", own) //nolint:staticcheck // A name.
		}
		return fmt.Errorf("metrics and health cannot be served on %s: %w (choose another address with --http, or none: --http '')",
			b.cfg.HTTP, err)
	}
	return nil
}

// probes are addresses that are held for a moment.
type probes []net.Listener

func (p *probes) probe(ctx context.Context, address string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return err //nolint:wrapcheck // The caller says what for.
	}
	*p = append(*p, l)
	return nil
}

// on is the held address with the port of another one, or nothing.
func (p *probes) on(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	for _, l := range *p {
		own := l.Addr().String()
		if _, held, err := net.SplitHostPort(own); err == nil && held == port {
			return own
		}
	}
	return ""
}

func (p *probes) close() error {
	var errs []error
	for _, l := range *p {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
