package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Listener is one address that the broker serves, and what it tells clients
// who come in by it.
type Listener struct {
	Name string
	Host string // "" for all addresses
	Port int    // 0 for any free one
	// AdvertisedHost and AdvertisedPort are where clients are told to connect;
	// port 0 means the one that is bound.
	AdvertisedHost string
	AdvertisedPort int
}

// Address is what to listen on.
func (l Listener) Address() string { return net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

// listenerOfFlag is what --listen says as `listeners` has it. NAME://HOST:PORT
// is taken as it is.
func listenerOfFlag(flag given) (given, error) {
	if !flag.is || strings.Contains(flag.text, "://") {
		return flag, nil
	}
	if err := hostAndPort("--listen", flag.text, "9092"); err != nil {
		return given{}, err
	}
	return given{"PLAINTEXT://" + flag.text, true}, nil
}

// checkHTTP checks the address of metrics and health.
func checkHTTP(address string) error {
	if address == "" {
		return nil
	}
	return hostAndPort("--http (mainstem.http.listen)", address, "9644")
}

// hostAndPort says what is wrong with an address in the words of who typed it.
func hostAndPort(what, text, port string) error {
	if _, rest, isURL := strings.Cut(text, "://"); isURL {
		host, _, _ := strings.Cut(rest, "/")
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		return fmt.Errorf("%s %q is a URL; write %s", what, text, host)
	}
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		host = strings.Trim(text, "[]")
		if _, isPort := strconv.ParseUint(text, 10, 16); isPort == nil {
			host, port = "127.0.0.1", text
		}
		return fmt.Errorf("%s %q is not of the form HOST:PORT; write %s", what, text, net.JoinHostPort(host, port))
	}
	if _, err := strconv.ParseUint(digits, 10, 16); err != nil {
		return fmt.Errorf("%s %q has the port %q; it must be between 0 and 65535, such as %s", what, text, digits, net.JoinHostPort(host, port))
	}
	return nil
}

type listenerSettings struct {
	listeners, advertised, protocols, controllers []string
}

// listenersOf reads the listener settings of Kafka. Warnings say what was
// passed over or guessed.
func listenersOf(s listenerSettings, hostname func() (string, error)) ([]Listener, []string, error) {
	protocols, err := protocolMap(s.protocols)
	if err != nil {
		return nil, nil, err
	}
	var (
		out      []Listener
		warnings []string
	)
	for _, text := range s.listeners {
		l, err := parseListener("listeners", text)
		if err != nil {
			return nil, nil, err
		}
		if slices.Contains(s.controllers, l.Name) {
			warnings = append(warnings, fmt.Sprintf("the listener %s is for Kafka's controllers and is not opened", text))
			continue
		}
		if err := checkListener(l, out, protocols); err != nil {
			return nil, nil, err
		}
		out = append(out, l)
	}
	if len(out) == 0 {
		return nil, nil, errors.New("listeners names no address to serve clients on")
	}
	if err := advertise(out, s.advertised, s.controllers); err != nil {
		return nil, nil, err
	}
	more, err := advertiseRest(out, hostname)
	return out, append(warnings, more...), err
}

// parseListener reads NAME://HOST:PORT.
func parseListener(setting, text string) (Listener, error) {
	name, address, ok := strings.Cut(text, "://")
	if !ok || name == "" {
		return Listener{}, fmt.Errorf("%s: %q is not of the form NAME://HOST:PORT; write PLAINTEXT://127.0.0.1:9092, for example", setting, text)
	}
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		return Listener{}, fmt.Errorf("%s: %q is not of the form NAME://HOST:PORT: %w", setting, text, err)
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return Listener{}, fmt.Errorf("%s: %q has the port %q; it must be between 0 and 65535", setting, text, digits)
	}
	return Listener{Name: strings.ToUpper(name), Host: host, Port: int(port)}, nil
}

func checkListener(l Listener, before []Listener, protocols map[string]string) error {
	protocol, mapped := protocols[l.Name]
	if !mapped && isProtocol(l.Name) {
		protocol = l.Name
	}
	if protocol != "" && protocol != "PLAINTEXT" {
		return fmt.Errorf("the listener %s wants %s, but only PLAINTEXT is built: remove the listener, or put a proxy "+
			"that speaks TLS before it", l.Name, protocol)
	}
	for _, b := range before {
		if b.Name == l.Name {
			return fmt.Errorf("listeners: the name %s is used twice; give each listener a name of its own", l.Name)
		}
		if b.Port == l.Port && l.Port != 0 && b.Host == l.Host {
			return fmt.Errorf("listeners: %s and %s have the same address %s", b.Name, l.Name, l.Address())
		}
	}
	return nil
}

func isProtocol(name string) bool {
	return slices.Contains([]string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}, name)
}

func protocolMap(entries []string) (map[string]string, error) {
	out := make(map[string]string)
	for _, e := range entries {
		name, protocol, ok := strings.Cut(e, ":")
		protocol = strings.ToUpper(protocol)
		if !ok || name == "" || !isProtocol(protocol) {
			return nil, fmt.Errorf("listener.security.protocol.map: %q is not of the form NAME:PROTOCOL, with PLAINTEXT, "+
				"SSL, SASL_PLAINTEXT or SASL_SSL for the protocol", e)
		}
		out[strings.ToUpper(name)] = protocol
	}
	return out, nil
}

// advertise applies advertised.listeners. Those of Kafka's controllers, which
// were passed over as listeners, are passed over here too.
func advertise(listeners []Listener, advertised, controllers []string) error {
	for _, text := range advertised {
		a, err := parseListener("advertised.listeners", text)
		if err != nil {
			return err
		}
		if slices.Contains(controllers, a.Name) {
			continue
		}
		i := slices.IndexFunc(listeners, func(l Listener) bool { return l.Name == a.Name })
		if i < 0 {
			return fmt.Errorf("advertised.listeners: %s is not the name of a listener; listeners has %s", a.Name, names(listeners))
		}
		if isWildcard(a.Host) {
			return fmt.Errorf("advertised.listeners: %q cannot be advertised: it means \"all addresses of this machine\", "+
				"and a client that is told to connect there ends up on its own machine; name the host or address by which "+
				"clients reach this broker", text)
		}
		if a.Port == 0 {
			return fmt.Errorf("advertised.listeners: %q has no port that a client could connect to", text)
		}
		listeners[i].AdvertisedHost, listeners[i].AdvertisedPort = a.Host, a.Port
	}
	return nil
}

// advertiseRest gives listeners that advertised.listeners does not name their
// own address, or the host's name where that is all addresses.
func advertiseRest(listeners []Listener, hostname func() (string, error)) ([]string, error) {
	var warnings []string
	for i := range listeners {
		l := &listeners[i]
		if l.AdvertisedHost != "" {
			continue
		}
		l.AdvertisedHost, l.AdvertisedPort = l.Host, l.Port
		if !isWildcard(l.Host) {
			continue
		}
		name, err := hostname()
		if err != nil || name == "" {
			return nil, fmt.Errorf("the listener %s serves all addresses and this machine has no host name (%w): set "+
				"advertised.listeners=%s://HOST:%d with the name by which clients reach it", l.Name, err, l.Name, l.Port)
		}
		l.AdvertisedHost = name
		warnings = append(warnings, fmt.Sprintf("the listener %s serves all addresses, so clients are told to connect to the "+
			"host name %s; if they cannot, set advertised.listeners=%s://HOST:%d", l.Name, name, l.Name, l.Port))
	}
	return warnings, nil
}

// isWildcard reports whether a host means all addresses of the machine.
func isWildcard(host string) bool {
	if host == "" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsUnspecified()
}

func names(listeners []Listener) string {
	var out []string
	for _, l := range listeners {
		out = append(out, l.Name)
	}
	return strings.Join(out, ", ")
}
