package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// reach resolves a name and connects to each of its addresses. It returns one that takes
// connections, "" if none does.
func (e *exam) reach(ctx context.Context, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		e.find(Finding{
			Check: checkName, Mark: Failure, Text: fmt.Sprintf("%s is not of the form HOST:PORT", address),
			Next: "write it so, such as localhost:9092",
		})
		return ""
	}
	addrs := e.resolve(ctx, host)
	if len(addrs) == 0 {
		return ""
	}
	return e.connectAll(ctx, host, port, addrs)
}

// resolve asks for the addresses of a host.
func (e *exam) resolve(ctx context.Context, host string) []netip.Addr {
	if ip, err := netip.ParseAddr(host); err == nil {
		e.ok(checkName, host+" is an address: there is no name to resolve")
		return []netip.Addr{ip}
	}
	addrs, err := e.lookup(ctx, host)
	if err != nil {
		f := Finding{Check: checkName, Mark: Failure, Text: resolveText(host, err)}
		f.Means, f.Next = "no client on this machine finds the broker", nameAdvice(host)
		e.find(f)
		return nil
	}
	e.ok(checkName, fmt.Sprintf("%s is %s", host, addrList(addrs)))
	return addrs
}

func (e *exam) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ctx, cancel := e.step(ctx)
	defer cancel()
	addrs, err := e.cfg.Resolve(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// resolveText is why a name is not resolved.
func resolveText(host string, err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("there is no host %s, by what this machine's name servers and its hosts file say", host)
	case isTimeout(err), errors.As(err, &dns) && dns.IsTimeout:
		return fmt.Sprintf("no name server has answered for %s in time", host)
	}
	return fmt.Sprintf("%s can not be resolved: %v", host, err)
}

// maxAddresses bounds what one name may stand for.
const maxAddresses = 16

// connectAll connects to each address of a host.
func (e *exam) connectAll(ctx context.Context, host, port string, addrs []netip.Addr) string {
	var first string
	var took time.Duration
	var open, failed []string
	var why error
	for _, ip := range addrs[:min(len(addrs), maxAddresses)] {
		at := net.JoinHostPort(ip.String(), port)
		begun := e.cfg.Clock.Now()
		nc, err := e.dial(ctx, at)
		if err != nil {
			why = err
			failed = append(failed, fmt.Sprintf("%s: %s", at, dialText(err)))
			continue
		}
		_ = nc.Close()
		if first == "" {
			first, took = at, e.since(begun)
		}
		open = append(open, at)
	}
	switch {
	case first == "":
		f := Finding{Check: checkPort, Mark: Failure, Text: "nobody takes connections: " + strings.Join(failed, "; ")}
		f.Means, f.Next = portAdvice(why, port)
		e.find(f)
	case len(failed) == 0 || allLoopback(addrs):
		e.ok(checkPort, fmt.Sprintf("%s takes connections (after %s)", strings.Join(open, " and "), shortTime(took)))
	default:
		e.find(Finding{
			Check: checkPort, Mark: Warning,
			Text:  fmt.Sprintf("%s is several addresses, and some do not answer: %s; %s does", host, strings.Join(failed, "; "), strings.Join(open, " and ")),
			Means: "a client that tries only one address of a name connects now and then, or only after a timeout (Java's before 2.6, and others)",
			Next:  "take the dead addresses out of the name's records, or have the broker listen on all of them",
		})
	}
	return first
}

// dial makes a connection without more.
func (e *exam) dial(ctx context.Context, at string) (net.Conn, error) {
	ctx, cancel := e.step(ctx)
	defer cancel()
	return e.cfg.Dial(ctx, "tcp", at)
}

// dialText is why a connection was not made.
func dialText(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case isTimeout(err):
		return "no answer at all"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to it"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}

// portAdvice is what the last failure to connect means.
func portAdvice(err error, port string) (means, next string) {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the machine is there, and nothing listens on port " + port,
			"see that the broker runs, on which port, and that it listens on this address and not on 127.0.0.1 alone (listeners); in a container: that the port is published"
	case isTimeout(err):
		return "packets to it are dropped: by a firewall or security group, mostly, or the machine is down",
			"have port " + port + " opened for this machine, or ask from one for which it is"
	}
	return "this machine has no network that leads there", "look at its routes, its VPN, and whether the address is of this network at all"
}

func allLoopback(addrs []netip.Addr) bool {
	return !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !a.IsLoopback() })
}

func addrList(addrs []netip.Addr) string {
	words := make([]string, 0, len(addrs))
	for _, a := range addrs {
		words = append(words, a.String())
	}
	if len(words) > maxAddresses {
		return fmt.Sprintf("%s and %d more, which are not looked at", strings.Join(words[:maxAddresses], ", "), len(words)-maxAddresses)
	}
	return strings.Join(words, " and ")
}

// isTimeout reports whether something did not come in time.
func isTimeout(err error) bool {
	var timed net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timed) && timed.Timeout()
}

// shortTime is a latency for people.
func shortTime(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return d.Round(time.Second).String()
}
