package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// containerName is what docker calls a container that nobody named.
var containerName = regexp.MustCompile(`^[0-9a-f]{12}$`)

// nameAdvice is what to do about a name that is not resolved, by its looks.
func nameAdvice(host string) string {
	const tell = "have the broker advertise a name or address that its clients know (advertised.listeners)"
	switch {
	case containerName.MatchString(host):
		return "this is the id of a container: it is known only inside its docker network; " + tell
	case strings.HasSuffix(host, ".docker.internal"):
		return "docker makes this name, for containers on that machine; " + tell
	case strings.HasSuffix(host, ".svc") || strings.Contains(host, ".svc."), strings.HasSuffix(host, ".cluster.local"):
		return "this is a name of Kubernetes, known only inside its cluster; " + tell
	case !strings.Contains(host, "."):
		return "a name without a dot is known in one network only, such as that of docker compose, or on one machine; " + tell
	}
	return "look for a mistyped name; ask your name server for it (dig, nslookup); or " + tell
}

// hostLooks is what is wrong with an advertised host for a client that came by another.
// The mark is OK if nothing is.
func hostLooks(host, asked string) (mark Mark, means string) {
	ip, err := netip.ParseAddr(host)
	from, _ := netip.ParseAddr(asked)
	local := isLocal(asked)
	switch {
	case host == "":
		return Failure, "the broker advertises no host at all"
	case err == nil && ip.IsUnspecified():
		return Failure, host + " is what a broker listens on, not an address to go to: a client that tries it comes to its own machine, if anywhere"
	case isLocal(host) && !local:
		return Failure, host + " is, for each client, its own machine: only clients on the broker's machine find it there"
	case err == nil && ip.IsLinkLocalUnicast() && !from.IsLinkLocalUnicast():
		return Warning, host + " is known on one network segment only"
	case err == nil && ip.IsPrivate() && from.IsValid() && !from.IsPrivate() && !from.IsLoopback():
		return Warning, fmt.Sprintf("%s is of a private network, and %s is not: clients outside do not reach it", host, asked)
	}
	return OK, ""
}

func isLocal(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "localhost.localdomain"
}

// hostOf is the host of an address.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
