package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const codeUnsupportedVersion = 35

// greet makes a connection to a Kafka broker, or says what is there instead.
func (e *exam) greet(ctx context.Context, at string) *peer {
	host, _, err := net.SplitHostPort(e.cfg.Address)
	if err != nil {
		return nil
	}
	if e.tls {
		return e.greetTLS(ctx, at, host)
	}
	p, err := e.hello(ctx, at, host)
	if err == nil {
		e.ok(checkProtocol, "it answers as a Kafka broker, in plaintext")
		return p
	}
	// Where plaintext is not understood TLS may be.
	if answer := e.tryTLS(ctx, at, host); answer.speaks {
		e.find(Finding{
			Check: checkProtocol, Mark: Failure, Text: at + " speaks TLS, and plaintext was tried",
			Means: "a client without TLS waits, or loses its connection again and again without a reason",
			Next:  "set security.protocol=SSL (or SASL_SSL) in clients, or name the port of a PLAINTEXT listener; --tls looks at it as such clients do",
		})
		e.tls = true
		return e.through(ctx, at, host, &answer)
	}
	e.find(e.stranger(ctx, at, err))
	return nil
}

// greetTLS is greet for who means to speak TLS.
func (e *exam) greetTLS(ctx context.Context, at, host string) *peer {
	answer := e.tryTLS(ctx, at, host)
	if answer.speaks {
		return e.through(ctx, at, host, &answer)
	}
	e.tls = false
	p, err := e.hello(ctx, at, host)
	if err != nil {
		e.tls = true
		e.find(e.stranger(ctx, at, err))
		return nil
	}
	e.find(Finding{
		Check: checkProtocol, Mark: Failure, Text: at + " speaks plaintext, and TLS was tried",
		Means: "a client with TLS cannot connect: the broker takes its greeting for a request that is far too long, and ends the connection",
		Next:  "set security.protocol=PLAINTEXT in clients (or SASL_PLAINTEXT), or name the port of an SSL listener",
	})
	return p
}

// through goes on over TLS.
func (e *exam) through(ctx context.Context, at, host string, answer *tlsAnswer) *peer {
	if answer.why != nil {
		e.find(Finding{
			Check: checkTLS, Mark: Failure, Text: fmt.Sprintf("the broker refuses the TLS handshake: %v", answer.why),
			Means: "it wants another version of TLS, another cipher, or a name that is its own",
			Next:  "look at it with: openssl s_client -connect " + e.cfg.Address,
		})
		return nil
	}
	e.certificate(host, &answer.state)
	p, err := e.hello(ctx, at, host)
	switch {
	case err == nil:
		e.ok(checkProtocol, "it answers as a Kafka broker, over TLS")
		return p
	case isAlert(err):
		e.find(Finding{
			Check: checkTLS, Mark: Failure, Text: fmt.Sprintf("the broker ends the connection after the TLS handshake: %v", err),
			Means: "it wants a certificate of the client (ssl.client.auth=required), which this command has not",
			Next:  "give clients a keystore with a certificate that the broker trusts",
		})
	default:
		e.find(e.stranger(ctx, at, err))
	}
	return nil
}

// hello connects and asks for ApiVersions, as all clients since 0.10 do first.
func (e *exam) hello(ctx context.Context, at, serverName string) (*peer, error) {
	p, err := e.open(ctx, at, serverName)
	if err != nil {
		return nil, err
	}
	if err := p.introduce(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// introduce asks for ApiVersions: in a newer version first, and in the oldest if the
// broker does not know that.
func (p *peer) introduce(ctx context.Context) error {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "mainstem-doctor", "1"
	req.Version = 3
	resp, err := ask[*kmsg.ApiVersionsResponse](ctx, p, req)
	if err == nil && resp.ErrorCode == codeUnsupportedVersion {
		req.Version = 0
		resp, err = ask[*kmsg.ApiVersionsResponse](ctx, p, req)
	}
	if err != nil {
		return err
	}
	if err := codeError(resp.ErrorCode); err != nil {
		return fmt.Errorf("it refuses to say which requests it serves: %w", err)
	}
	p.answer, p.served = resp, map[int16]kmsg.ApiVersionsResponseApiKey{}
	for _, k := range resp.ApiKeys {
		p.served[k.ApiKey] = k
	}
	return nil
}

// stranger is what listens where no Kafka broker answers.
func (e *exam) stranger(ctx context.Context, at string, err error) Finding {
	f := Finding{Check: checkProtocol, Mark: Failure}
	var alien alienError
	silent, closed := errors.Is(err, errSilent), errors.Is(err, errClosed)
	isHTTP := errors.As(err, &alien) && len(alien.first) >= 4 && string(alien.first[:4]) == "HTTP"
	switch {
	case isHTTP, (silent || closed) && e.speaksHTTP(ctx, at):
		f.Text = at + " speaks HTTP"
		f.Means = "it is another port of the broker (for metrics or its console), a REST proxy, or no broker at all"
		f.Next = "name the port of a listener for Kafka clients: 9092 by default"
	case closed:
		f.Text = at + " takes the connection and ends it at once"
		f.Means = "Kafka refuses so: a client's address or number of connections over a limit, an ApiVersions from before its time; or there is no Kafka broker behind it (a load balancer with none left, a port forwarding into the void)"
		f.Next = "look at the broker's log at this moment; then at what stands between it and you"
	case silent:
		f.Text = fmt.Sprintf("%s takes the connection and has not answered for %s", at, e.cfg.Timeout)
		f.Means = "there is no Kafka broker behind it, or one that hangs (its disk, its memory, a long pause)"
		f.Next = "see that it is the right port, and look at the broker's log; --timeout gives it longer"
	default:
		f.Text = fmt.Sprintf("%s does not answer as a Kafka broker: %v", at, err)
		f.Means = "another service has this port"
		f.Next = "name the port of a listener for Kafka clients: 9092 by default"
	}
	return f
}

// speaksHTTP asks in HTTP. Kafka takes that for a request that is too long.
func (e *exam) speaksHTTP(ctx context.Context, at string) bool {
	nc, err := e.dial(ctx, at)
	if err != nil {
		return false
	}
	defer nc.Close()
	ctx, cancel := e.step(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(nc, "HEAD / HTTP/1.0\r\n\r\n"); err != nil {
		return false
	}
	answer := make([]byte, len("HTTP/"))
	_, err = io.ReadFull(nc, answer)
	return err == nil && string(answer) == "HTTP/"
}
