package doctor_test

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/mainstem-mq/mainstem/cli/doctor"
)

// certificate is one that httptest has, for 127.0.0.1 and example.com.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0]
}

// withTLS makes a broker speak TLS.
func withTLS(t *testing.T, b *fakeBroker, cfg *tls.Config) string {
	t.Helper()
	cfg.Certificates = []tls.Certificate{certificate(t)}
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	address := serveOn(t, l, func(nc net.Conn) { b.serve(nc) })
	b.brokers = []fakeAddress{at(t, 7, address)}
	return address
}

func TestTLSWherePlaintextWasTried(t *testing.T) {
	b := &fakeBroker{cluster: "one", node: 7, controller: 7}
	address := withTLS(t, b, &tls.Config{})
	r := examine(t, doctor.Config{Address: address})
	demand(t, r, 1, 1, "failure protocol: "+address+" speaks TLS, and plaintext was tried", "set security.protocol=SSL",
		"warning tls: the certificate can not be verified here", "ok protocol: it answers as a Kafka broker, over TLS", "ok advertised: node 7")
	if !r.TLS {
		t.Error("the report does not say that it was looked at through TLS")
	}
	demand(t, examine(t, doctor.Config{Address: address, TLS: true}), 0, 1, "ok protocol: it answers as a Kafka broker, over TLS", "ok advertised: node 7")
}

func TestPlaintextWhereTLSWasTried(t *testing.T) {
	_, address := healthy(t)
	r := examine(t, doctor.Config{Address: address, TLS: true})
	demand(t, r, 1, 0, "failure protocol: "+address+" speaks plaintext, and TLS was tried", "ok advertised: node 7")
	if r.TLS {
		t.Error("the report says that it was looked at through TLS")
	}
}

func TestTLSThatWantsACertificate(t *testing.T) {
	b := &fakeBroker{cluster: "one", node: 7, controller: 7}
	address := withTLS(t, b, &tls.Config{ClientAuth: tls.RequireAnyClientCert})
	demand(t, examine(t, doctor.Config{Address: address, TLS: true}), 1, 1, "failure tls: the broker ends the connection after the TLS handshake", "ssl.client.auth=required")
}

func TestTLSThatRefuses(t *testing.T) {
	b := &fakeBroker{cluster: "one", node: 7, controller: 7}
	address := withTLS(t, b, &tls.Config{MaxVersion: tls.VersionTLS11})
	demand(t, examine(t, doctor.Config{Address: address, TLS: true}), 1, 0, "failure tls: the broker refuses the TLS handshake")
}
