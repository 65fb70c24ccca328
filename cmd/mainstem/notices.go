package main

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"go.uber.org/zap"
)

// noteNames warns of hosts that clients are told and that have no address here.
// The resolver may take its time, so nothing waits for it but the stop.
func (b *broker) noteNames(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	for _, l := range b.cfg.Listeners {
		if _, err := netip.ParseAddr(l.AdvertisedHost); err == nil || l.AdvertisedHost == "" {
			continue
		}
		asking.Go(func() {
			if _, err := net.DefaultResolver.LookupHost(ctx, l.AdvertisedHost); err != nil && ctx.Err() == nil {
				b.log.Warn("clients are told to connect to a host that has no address, as far as this machine knows: if theirs do not either, "+
					"they cannot; set advertised.listeners to a name or address by which they reach the broker",
					zap.String("listener", l.Name), zap.String("host", l.AdvertisedHost), zap.Error(err))
			}
		})
	}
	b.opened("look for names", func() error {
		cancel()
		asking.Wait()
		return nil
	})
}
