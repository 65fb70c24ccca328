package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cli"
	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/server"
)

const (
	outputWide = "wide"
	// httpAnswerMax bounds what is taken of an answer: it may come from a stranger.
	httpAnswerMax = 1 << 30
	httpPatience  = 30 * time.Second
)

// request is one to the broker's HTTP API.
type request struct {
	method string // "": GET
	path   string // escaped
	query  url.Values
	body   any           // sent as JSON; nil: none
	wait   time.Duration // how long the broker will take on purpose
}

// groupPath is where a group is found. Dots are escaped as well: a path's own
// "." and ".." go elsewhere.
func groupPath(name string) string {
	return "/api/v1/groups/" + strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
}

// show asks the broker and prints what it says, as JSON or as a table.
func (f *groupFlags) show(cmd *cobra.Command, p process, r request, v any, table func(*groupTable)) error {
	raw, err := f.ask(cmd.Context(), p, r, v)
	if err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), raw, table)
}

// print prints an answer in the form that was asked for.
func (f *groupFlags) print(out io.Writer, raw []byte, table func(*groupTable)) error {
	if f.output == outputJSON {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, raw, "", "  "); err != nil {
			return fmt.Errorf("the broker's answer is not JSON: %w", err)
		}
		return printf(out, "%s\n", bytes.TrimSpace(cli.TerminalSafe(pretty.Bytes())))
	}
	t := &groupTable{reportPrinter: reportPrinter{out: out}, wide: f.output == outputWide, now: time.Now()}
	table(t)
	if t.err != nil {
		return fmt.Errorf("write output: %w", t.err)
	}
	return nil
}

// address is where the broker is asked: by the flag, else by the environment that
// it is served with, else where it is by default.
func (f *groupFlags) address(environ []string) (string, error) {
	address, source := f.http.text, "--http"
	if !f.http.is {
		values, _ := environment(environ)
		v, ok := values[cluster.HTTPListenKey]
		if !ok {
			return "127.0.0.1:9644", nil
		}
		address, source = v.Text, v.Source
	}
	address = strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/")
	if address == "" {
		return "", usageError{fmt.Errorf("%s is empty: a broker that serves no HTTP cannot be asked", source)}
	}
	if err := hostAndPort(source, address, "9644"); err != nil {
		return "", usageError{err}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", usageError{err}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it serves on all addresses, this one among them
	}
	return net.JoinHostPort(host, port), nil
}

// ask sends a request and decodes the answer into v. The bytes of the answer are
// returned, too.
func (f *groupFlags) ask(ctx context.Context, p process, r request, v any) ([]byte, error) {
	address, err := f.address(p.environ)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, httpPatience+r.wait)
	defer cancel()
	req, err := r.build(ctx, address)
	if err != nil {
		return nil, err
	}
	// No proxy: it could not reach the broker's loopback address.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, passing{unreachable(address, err)}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, httpAnswerMax))
	if err != nil {
		return nil, fmt.Errorf("the answer of %s: %w", address, err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusAccepted {
		return nil, refusedBy(address, resp.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, strangeAnswer(address)
	}
	return raw, nil
}

func (r *request) build(ctx context.Context, address string) (*http.Request, error) {
	method, body := r.method, io.Reader(http.NoBody)
	if method == "" {
		method = http.MethodGet
	}
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	target := "http://" + address + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, usageError{err}
	}
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// passing is an error that may be over in a moment: nobody answers, or the broker
// cannot tell yet.
type passing struct{ error }

func (e passing) Unwrap() error { return e.error }

// unreachable says what to do about a broker that does not answer.
func unreachable(address string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("no broker answers on http://%s: %w (is it running? its log says at the start where http is; give that with --http)",
			address, op.Err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("http://%s has not answered for %s: is it a broker's HTTP port, and its disk well? see http://%s/readyz?verbose",
			address, httpPatience, address)
	}
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err // without it the address comes twice
	}
	return fmt.Errorf("http://%s: %w (it must be the HTTP port of a broker, not that for Kafka clients)", address, err)
}

func strangeAnswer(address string) error {
	return fmt.Errorf("http://%s answers, but not as a broker of this version: is it the HTTP port, and the broker as new as this command?", address)
}

// refusedBy is the broker's own words for an error, and the next step.
func refusedBy(address string, status int, raw []byte) error {
	var e server.APIError
	if json.Unmarshal(raw, &e) != nil || e.Code == "" {
		return strangeAnswer(address)
	}
	next := ""
	switch {
	case e.Code == "GROUP_ID_NOT_FOUND":
		next = "; `mainstem group list` shows all"
	case e.Code == "TRANSACTIONAL_ID_NOT_FOUND":
		next = "; `mainstem txn list` shows all"
	case status == http.StatusBadRequest:
		return usageError{errors.New(e.Message)}
	}
	err := fmt.Errorf("%s%s (%s)", e.Message, next, e.Code)
	if status == http.StatusServiceUnavailable {
		return passing{err}
	}
	return err
}
