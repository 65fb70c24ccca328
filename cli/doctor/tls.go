package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// handshake makes a connection one of TLS. What the peer says of itself is looked at
// elsewhere: nothing is sent that others must not see.
func (e *exam) handshake(ctx context.Context, nc net.Conn, serverName string) (net.Conn, error) {
	ctx, cancel := e.step(ctx)
	defer cancel()
	c := tls.Client(nc, &tls.Config{InsecureSkipVerify: true, ServerName: serverName})
	if err := c.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

// tlsAnswer is what became of a ClientHello.
type tlsAnswer struct {
	speaks bool
	why    error // it speaks TLS, and refuses
	state  tls.ConnectionState
}

// tryTLS sends a ClientHello and sees.
func (e *exam) tryTLS(ctx context.Context, at, serverName string) tlsAnswer {
	nc, err := e.dial(ctx, at)
	if err != nil {
		return tlsAnswer{}
	}
	c, err := e.handshake(ctx, nc, serverName)
	if err != nil {
		return tlsAnswer{speaks: isAlert(err), why: err}
	}
	defer c.Close()
	if t, ok := c.(*tls.Conn); ok {
		return tlsAnswer{speaks: true, state: t.ConnectionState()}
	}
	return tlsAnswer{speaks: true}
}

// isAlert reports whether a peer refused in TLS: who does that speaks it.
func isAlert(err error) bool {
	var alert tls.AlertError
	return errors.As(err, &alert) || strings.Contains(err.Error(), "remote error: tls")
}

// certificate looks at what the peer shows of itself.
func (e *exam) certificate(host string, state *tls.ConnectionState) {
	if len(state.PeerCertificates) == 0 {
		e.notChecked(checkTLS, "the broker shows no certificate")
		return
	}
	leaf := state.PeerCertificates[0]
	pool := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		pool.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Intermediates: pool, CurrentTime: e.cfg.Clock.Now()})
	if err == nil {
		e.ok(checkTLS, fmt.Sprintf("%s, and the certificate is good for %s until %s", tls.VersionName(state.Version), host, leaf.NotAfter.UTC().Format(time.DateOnly)))
		return
	}
	f := Finding{Check: checkTLS, Mark: Warning, Text: fmt.Sprintf("the certificate can not be verified here: %v", err)}
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.Mark, f.Means = Failure, "it is not yet or no longer valid: clients refuse it"
		f.Next = "renew the broker's certificate, and see that the clocks of both machines are right"
	case errors.As(err, &name):
		f.Mark = Failure
		f.Means = fmt.Sprintf("it is not for %s: clients refuse it as long as they check names (ssl.endpoint.identification.algorithm)", host)
		f.Next = "connect by a name that is in the certificate, or have that name put into it"
	case errors.As(err, &authority):
		f.Means = "this machine does not know who has signed it; clients need that certificate in a truststore of theirs"
		f.Next = "give clients the signer's certificate (ssl.truststore.location, or ssl.ca.location)"
	default:
		f.Next = "look at it with: openssl s_client -connect " + e.cfg.Address
	}
	e.find(f)
}
