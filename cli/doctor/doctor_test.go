package doctor_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/cli/doctor"
	"github.com/mainstem-mq/mainstem/internal/clock"
)

// examine runs all checks; only peers that hold still need the time.
func examine(t *testing.T, cfg doctor.Config) doctor.Report {
	t.Helper()
	cfg.Clock = clock.Real{}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	told := 0
	cfg.Told = func(doctor.Finding) { told++ }
	r := doctor.Examine(t.Context(), cfg)
	if told != len(r.Findings) {
		t.Errorf("%d findings were told, and %d are reported", told, len(r.Findings))
	}
	return r
}

func textOf(r doctor.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s: %s | %s | %s\n", f.Mark, f.Check, f.Text, f.Means, f.Next)
	}
	return b.String()
}

// demand wants each of the texts in one line of the report, and so many failures.
func demand(t *testing.T, r doctor.Report, failures, warnings int, lines ...string) {
	t.Helper()
	text := textOf(r)
	if r.Failures != failures || r.Warnings != warnings {
		t.Errorf("%d failures and %d warnings, not %d and %d", r.Failures, r.Warnings, failures, warnings)
	}
	for _, l := range lines {
		if !strings.Contains(text, l) {
			t.Errorf("no line has %q", l)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// healthy starts a broker that has nothing wrong.
func healthy(t *testing.T) (*fakeBroker, string) {
	t.Helper()
	b := &fakeBroker{cluster: "one", node: 7, controller: 7, topics: map[string]bool{}}
	address := listen(t, b.serve)
	b.brokers = []fakeAddress{at(t, 7, address)}
	return b, address
}

func TestNothingIsWrong(t *testing.T) {
	b, address := healthy(t)
	b.topics["__consumer_offsets"] = true
	demand(t, examine(t, doctor.Config{Address: address}), 0, 0,
		"ok name: 127.0.0.1 is an address", "ok port:", "ok protocol: it answers as a Kafka broker, in plaintext",
		"ok versions:", "ok clients: find versions that they speak: Kafka's clients of 0.8.2, 0.9", "ok metadata: cluster one, 1 broker",
		"ok latency:", "ok advertised: node 7 is at "+address+", and answers there as that", "ok controller: node 7",
		"ok coordinator: consumer groups: node 7", "not checked coordinator: of transactions: there have been none", "not checked clock:")
}

func TestNothingIsAskedThatCreates(t *testing.T) {
	b, address := healthy(t)
	b.asked = make(chan int16, 1000)
	demand(t, examine(t, doctor.Config{Address: address}), 0, 0, "not checked coordinator: of consumer groups: there have been none")
	close(b.asked)
	allowed := map[int16]bool{3: true, 18: true, 32: true}
	for key := range b.asked {
		if !allowed[key] {
			t.Errorf("it has asked API %d", key)
		}
	}
}

func TestNames(t *testing.T) {
	_, address := healthy(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	resolve := func(addrs ...string) func(context.Context, string) ([]netip.Addr, error) {
		return func(_ context.Context, host string) (out []netip.Addr, err error) {
			if host != "kafka.test" {
				return nil, &net.DNSError{Name: host, IsNotFound: true}
			}
			for _, a := range addrs {
				out = append(out, netip.MustParseAddr(a))
			}
			return out, nil
		}
	}
	r := examine(t, doctor.Config{Address: "kafka.tset:1", Resolve: resolve()})
	demand(t, r, 1, 0, "failure name: there is no host kafka.tset", "not checked protocol")
	r = examine(t, doctor.Config{Address: "0123456789ab:1", Resolve: resolve()})
	demand(t, r, 1, 0, "this is the id of a container")
	r = examine(t, doctor.Config{Address: "kafka.test:1", Timeout: time.Millisecond, Resolve: func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	demand(t, r, 1, 0, "no name server has answered for kafka.test in time")

	half := doctor.Config{Address: "kafka.test:" + port, Resolve: resolve("192.0.2.1", "127.0.0.1")}
	half.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, "192.0.2.1:") {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	demand(t, examine(t, half), 1, 1, "ok name: kafka.test is 192.0.2.1 and 127.0.0.1",
		"warning port: kafka.test is several addresses, and some do not answer: 192.0.2.1:"+port+": connection refused; 127.0.0.1:"+port+" does",
		"failure advertised: node 7 is at 127.0.0.1:"+port+", and answers there to this machine | 127.0.0.1 is, for each client, its own machine")
}

func TestPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	demand(t, examine(t, doctor.Config{Address: address}), 1, 0, "failure port: nobody takes connections: "+address+": connection refused | the machine is there")
	silent := doctor.Config{Address: address, Timeout: time.Millisecond, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	demand(t, examine(t, silent), 1, 0, "failure port: nobody takes connections: "+address+": no answer at all | packets to it are dropped: by a firewall")
	demand(t, examine(t, doctor.Config{Address: "nothing"}), 1, 0, "nothing is not of the form HOST:PORT")
}

func TestStrangers(t *testing.T) {
	hangs := func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }
	for _, c := range []struct {
		name    string
		serve   func(net.Conn)
		timeout time.Duration
		want    string
	}{
		{"closes", func(net.Conn) {}, 0, "takes the connection and ends it at once | Kafka refuses so"},
		{"silent", hangs, 50 * time.Millisecond, "takes the connection and has not answered for 50ms"},
		{"ssh", func(nc net.Conn) { _, _ = io.WriteString(nc, "SSH-2.0-OpenSSH_9.6\r\n"); hangs(nc) }, 0, `does not answer as a Kafka broker: its answer begins with "SSH-2.0-OpenSS`},
		{"huge", func(nc net.Conn) { _, _ = nc.Write([]byte{0x7f, 0xff, 0xff, 0xff}); nc.Close() }, 0, "does not answer as a Kafka broker"},
		{"another answer", func(nc net.Conn) { _, _ = nc.Write([]byte{0, 0, 0, 4, 0, 0, 0, 99}); hangs(nc) }, 0, "it answers request 99, and was asked 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := examine(t, doctor.Config{Address: listen(t, c.serve), Timeout: c.timeout})
			demand(t, r, 1, 0, "failure protocol: ", c.want, "not checked versions")
		})
	}
}

func TestHTTP(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	address := strings.TrimPrefix(s.URL, "http://")
	// It waits for the end of a line that never comes.
	demand(t, examine(t, doctor.Config{Address: address, Timeout: 100 * time.Millisecond}), 1, 0, "failure protocol: "+address+" speaks HTTP | it is another port")
}
