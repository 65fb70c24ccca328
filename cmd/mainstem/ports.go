package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

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
			if own := held.on(l.Address(), err); own != "" {
				err = fmt.Errorf("another of the listeners is on %s: %w", own, err)
			}
			return fmt.Errorf("clients cannot be served on %s: %w (choose another address with --listen, or the setting %s)",
				l.Address(), err, cluster.ListenersKey)
		}
	}
	if b.cfg.HTTP == "" {
		return nil
	}
	if err := held.probe(ctx, b.cfg.HTTP); err != nil {
		if own := held.on(b.cfg.HTTP, err); own != "" {
			err = fmt.Errorf("Kafka clients are served on %s, and each needs a port of its own: %w", own, err) //nolint:staticcheck // A name.
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

// on is the held address that is why another one is in use, or nothing: the port is
// the same, and so is the host, or one of them is all of the machine's.
func (p *probes) on(address string, failure error) string {
	wanted, err := net.ResolveTCPAddr("tcp", address)
	if err != nil || !errors.Is(failure, syscall.EADDRINUSE) {
		return ""
	}
	for _, l := range *p {
		own, ok := l.Addr().(*net.TCPAddr)
		if ok && own.Port == wanted.Port && (own.IP.IsUnspecified() || wanted.IP == nil || wanted.IP.IsUnspecified() || own.IP.Equal(wanted.IP)) {
			return own.String()
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
