package cli

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// BootstrapVariable is the environment variable that says where brokers are.
	BootstrapVariable = "MAINSTEM_BOOTSTRAP_SERVERS"
	bootstrapDefault  = "localhost:9092"
	timeoutDefault    = 10 * time.Second
	timeoutLeast      = 100 * time.Millisecond
	timeoutMost       = 15 * time.Minute
)

// flags are those of every verb.
type flags struct {
	shell     *Shell
	bootstrap string
	named     string // the flag of bootstrap; empty: --bootstrap
	timeout   time.Duration
	output    string
}

// register adds the flags; the first form is the default.
func (f *flags) register(c *cobra.Command, forms ...string) {
	c.Flags().StringVarP(&f.bootstrap, "bootstrap", "b", "",
		"ask the Kafka brokers at `HOST:PORT[,...]`, one of them is enough ("+BootstrapVariable+"; default "+bootstrapDefault+")")
	f.timeout = timeoutDefault
	c.Flags().Var((*SpanFlag)(&f.timeout), "timeout", "how much `TIME` the brokers have for one answer")
	c.Flags().StringVarP(&f.output, "output", "o", forms[0], "`FORM` of the output: "+wordList(forms))
	run := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(forms, f.output) {
			return UsageError{fmt.Errorf("-o %s: must be %s", f.output, wordList(forms))}
		}
		if f.timeout < timeoutLeast || f.timeout > timeoutMost {
			return UsageError{fmt.Errorf("--timeout %s: must be from %s to %s", f.timeout, timeoutLeast, timeoutMost)}
		}
		return run(cmd, args)
	}
}

// seeds is where brokers are looked for, and who said so.
func (f *flags) seeds() (addresses []string, source string, err error) {
	text, source := f.bootstrap, cmp.Or(f.named, "--bootstrap")
	if text == "" {
		text, source = bootstrapDefault, "default"
		for _, e := range f.shell.Environ {
			if value, ok := strings.CutPrefix(e, BootstrapVariable+"="); ok && value != "" {
				text, source = value, "environment "+BootstrapVariable
			}
		}
	}
	for address := range strings.SplitSeq(text, ",") {
		if address = strings.TrimSpace(address); address == "" {
			continue
		}
		if err := checkAddress(address); err != nil {
			return nil, "", UsageError{fmt.Errorf("%s %q: %w", source, address, err)}
		}
		addresses = append(addresses, address)
	}
	if len(addresses) == 0 {
		return nil, "", UsageError{fmt.Errorf("%s names no address: write HOST:PORT", source)}
	}
	return addresses, source, nil
}

// checkAddress says how an address is written.
func checkAddress(address string) error {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		return fmt.Errorf("is a URL; write %s", strings.TrimSuffix(rest, "/"))
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		if _, number := strconv.ParseUint(address, 10, 16); number == nil {
			return fmt.Errorf("is not of the form HOST:PORT; write localhost:%s", address)
		}
		if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() {
			return fmt.Errorf("is not of the form HOST:PORT; write [%s]:9092", address)
		}
		if !strings.Contains(address, ":") {
			return fmt.Errorf("has no port; write %s:9092", address)
		}
		return errors.New("is not of the form HOST:PORT")
	}
	if host == "" {
		return fmt.Errorf("has no host; write localhost:%s", port)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("port %s is not a number from 1 to 65535", port)
	}
	return nil
}
