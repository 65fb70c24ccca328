package cli

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// list runs "list" against an address.
func list(t *testing.T, address, timeout string) error {
	t.Helper()
	c := newTopicList(&Shell{Clock: clock.Real{}, Terminal: func(any) bool { return false }})
	c.SetArgs([]string{"-b", address, "--timeout", timeout})
	c.SilenceErrors, c.SilenceUsage = true, true
	return c.ExecuteContext(t.Context())
}

// stranger listens and gives everybody an answer that is no broker's. Of three bytes it
// is not a whole one, and nothing follows.
func stranger(t *testing.T, answer string) (address string) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var open []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			_, _ = io.WriteString(c, answer) // who is gone wants none
			if len(answer) == 0 {
				_ = c.Close()
			} else {
				open = append(open, c)
			}
		}
		for _, c := range open {
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

// TestStrangers: what is said of an address that is no broker's.
func TestStrangers(t *testing.T) {
	t.Parallel()
	secret := httptest.NewTLSServer(nil)
	secret.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(secret.Close)
	plain, closed, silent := stranger(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), stranger(t, ""), stranger(t, "...")
	if err := list(t, silent, "200ms"); err == nil || !strings.Contains(err.Error(), "takes a connection, but has not answered for 200ms") {
		t.Errorf("of a silent one: %v", err)
	}
	for address, want := range map[string]string{
		secret.Listener.Addr().String(): "speaks TLS, and this command plaintext only",
		plain:                           "speaks HTTP: it must be the port for Kafka clients",
		closed:                          "takes a connection and ends it at once",
		"127.0.0.1:1":                   "no broker answers on 127.0.0.1:1: connection refused",
		"127.0.0.1:1," + plain:          "speaks HTTP",
	} {
		if err := list(t, address, "30s"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

// TestRefused: a broker's words come with the error's name, and do nothing to a terminal.
func TestRefused(t *testing.T) {
	t.Parallel()
	words := "Not so.\x1b[2J"
	for _, c := range []struct {
		code    int16
		message *string
		want    string
	}{
		{37, &words, "topic a: Not so.?[2J (INVALID_PARTITIONS)"},
		{37, nil, "topic a: number of partitions is below 1 (INVALID_PARTITIONS)"},
		{12345, nil, "(UNKNOWN_SERVER_ERROR)"},
	} {
		err := refused("topic a", c.code, c.message)
		if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%d: %v, want %s", c.code, err, c.want)
		}
	}
	err := fmt.Errorf("x: %w", refused("topic a", 36, nil))
	if refused("a", 0, nil) != nil || !errors.Is(err, kerr.TopicAlreadyExists) || errors.Is(err, kerr.InvalidPartitions) {
		t.Error("a code is taken for another one")
	}
}

// TestSeeds: who says where brokers are.
func TestSeeds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flag, environment, want, source string }{
		{"", "", "[localhost:9092]", "default"},
		{"", "a:1, b:2", "[a:1 b:2]", "environment " + BootstrapVariable},
		{"c:3", "a:1", "[c:3]", "--bootstrap"},
	} {
		f := flags{shell: &Shell{Environ: []string{BootstrapVariable + "=" + c.environment}}, bootstrap: c.flag}
		got, source, err := f.seeds()
		if err != nil || fmt.Sprint(got) != c.want || source != c.source {
			t.Errorf("%+v: %v from %s, %v", c, got, source, err)
		}
	}
	f := flags{shell: &Shell{}, bootstrap: ","}
	if _, _, err := f.seeds(); !errors.As(err, new(UsageError)) {
		t.Error(err)
	}
}

// TestCommandsHaveExamples: each verb says how it is used.
func TestCommandsHaveExamples(t *testing.T) {
	t.Parallel()
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		if c.Short == "" || c.Long == "" || c.Runnable() && !c.HasSubCommands() && c.Example == "" {
			t.Errorf("%s is without words", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	for _, c := range Commands(&Shell{}) {
		look(c)
	}
}
