package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/mainstem-mq/mainstem/internal/words"
)

func portText(port int32) string { return strconv.Itoa(int(port)) }

// unreachable says why no broker could be spoken to at all, and what to do.
func (c *client) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	failed := c.dials.failed()
	var refused []string
	for _, address := range slices.Sorted(maps.Keys(failed)) {
		if why := dialText(failed[address].err); why != "" {
			refused = append(refused, address+": "+why)
			continue
		}
		return c.stranger(address, failed[address].err)
	}
	if len(refused) > 0 {
		return fmt.Errorf("no broker answers on %s (is it running? its address comes from %s; -b HOST:PORT names another)",
			strings.Join(refused, ", "), c.source)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s has not answered for %s (is it a Kafka broker, and well? --timeout gives it longer)", strings.Join(c.addresses, ","), c.timeout)
	}
	return c.stranger(c.addresses[0], err)
}

// dialText is why a connection could not be made; "" if one was made.
func dialText(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return "there is no host " + words.Quoted(dns.Name)
	case !errors.As(err, &op) || op.Op != "dial":
		return ""
	case op.Timeout():
		return "no answer to a connection"
	}
	text := op.Err.Error()
	_, why, ok := strings.Cut(text, "connect: ")
	if ok {
		return why
	}
	return text
}

// isTimeout reports whether an answer did not come in time.
func isTimeout(err error) bool {
	var timed net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timed) && timed.Timeout()
}

// whyText is why a broker could not be spoken to, in a few words.
func whyText(err error) string {
	if why := dialText(err); why != "" {
		return why
	}
	if isTimeout(err) {
		return "no answer"
	}
	return err.Error()
}

// stranger says what listens on an address that takes connections and does not answer
// as a Kafka broker.
func (c *client) stranger(address string, err error) error {
	switch {
	case c.speaksTLS(address):
		return fmt.Errorf("%s speaks TLS, and this command plaintext only: name a PLAINTEXT listener of the broker", address)
	case strings.Contains(err.Error(), "HTTP response"), // the library's words: the error has no type
		isTimeout(err) && c.speaksHTTP(address): // which waits for the end of a line
		return fmt.Errorf("%s speaks HTTP: it must be the port for Kafka clients (a broker of Mainstem's is on 9092 by default), not that for HTTP", address)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s takes a connection and ends it at once: it is no Kafka broker, or it wants a login (SASL), which this command has not", address)
	case isTimeout(err):
		return fmt.Errorf("%s takes a connection, but has not answered for %s (is it a Kafka broker, and well? --timeout gives it longer)", address, c.timeout)
	}
	return fmt.Errorf("%s does not answer as a Kafka broker: %w", address, err)
}

// speaksTLS tries a handshake. Nothing is sent over the connection, so it does not
// matter who is at its other end.
func (c *client) speaksTLS(address string) bool {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: c.timeout}, Config: &tls.Config{InsecureSkipVerify: true}}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		var alert tls.AlertError
		return errors.As(err, &alert) || strings.Contains(err.Error(), "remote error: tls") // it wants a certificate, or another version
	}
	_ = conn.Close()
	return true
}

// speaksHTTP asks in HTTP. A Kafka broker takes that for a frame that is too long, and
// ends the connection.
func (c *client) speaksHTTP(address string) bool {
	conn, err := net.DialTimeout("tcp", address, c.timeout)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(c.timeout)); err != nil { //nolint:forbidigo // what the connection goes by
		return false
	}
	answer := make([]byte, len("HTTP/"))
	if _, err := io.WriteString(conn, "HEAD / HTTP/1.0\r\n\r\n"); err != nil {
		return false
	}
	_, err = io.ReadFull(conn, answer)
	return err == nil && string(answer) == "HTTP/"
}

// explain adds to the error of a request why the client had no success.
func (c *client) explain(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	if address, f := c.dials.node(); address != "" {
		return fmt.Errorf("node %d of the cluster says that it is at %s, and cannot be reached there: %s "+
			"(is it running? else its advertised.listeners must name an address that this machine can reach)", f.node, address, whyText(f.err))
	}
	var refused *kerr.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("%s (%s)", sentence(refused.Description), refused.Message)
	}
	if isTimeout(err) {
		return fmt.Errorf("%s: no answer in time (--timeout gives it longer than %s)", strings.Join(c.addresses, ","), c.timeout)
	}
	return c.unreachableLater(err)
}

// unreachableLater is for a broker that answered before.
func (c *client) unreachableLater(err error) error {
	for address, f := range c.dials.failed() {
		if why := dialText(f.err); why != "" {
			return fmt.Errorf("the broker at %s is gone: %s", address, why)
		}
	}
	return fmt.Errorf("%s: %w", strings.Join(c.addresses, ","), err)
}

// refusal is a Kafka error code with the broker's own words, if it has any.
type refusal struct {
	of   string // what was asked for
	code int16
	text string
}

// refused makes an error of a code; nil if it is none.
func refused(of string, code int16, message *string) error {
	if code == 0 {
		return nil
	}
	r := refusal{of: of, code: code}
	if message != nil {
		r.text = words.Shown(*message)
	}
	return r
}

// Error implements error.
func (r refusal) Error() string {
	text, of := r.text, kerr.TypedErrorForCode(r.code)
	if text == "" {
		text = sentence(of.Description)
	}
	return fmt.Sprintf("%s: %s (%s)", r.of, strings.TrimSuffix(text, "."), of.Message)
}

// Is makes errors.Is(err, kerr.X) work.
func (r refusal) Is(target error) bool { return errors.Is(kerr.ErrorForCode(r.code), target) }

// sentence is one of the library's, to stand in another.
func sentence(text string) string {
	text = strings.TrimSuffix(text, ".")
	if len(text) > 1 && text[1] >= 'a' && text[1] <= 'z' {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}
