package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// Config is a checked configuration.
type Config struct {
	// Values are the settings that are not left at their default, under the
	// names that the operator used.
	Values  map[string]Value
	NodeID  model.BrokerID
	Rack    string
	DataDir string
	HTTP    string // HOST:PORT, or empty for no HTTP
	// Listeners in the order of the setting.
	Listeners []Listener
	// Resolver answers all other settings, those that change while running too.
	Resolver *cluster.Resolver
	Warnings []string // for the log, once it is open
}

// Value is one setting as given.
type Value struct {
	Text   string
	Source string // in words: "flag --set", "environment MAINSTEM_X", "file x.yaml"
}

func texts(values map[string]Value) map[string]string {
	out := make(map[string]string, len(values))
	for k, v := range values {
		out[k] = v.Text
	}
	return out
}

// options are the flags from which a configuration is made.
type options struct {
	file    given
	set     []string
	dataDir given
	listen  given
	http    given
}

// register adds the flags of who serves.
func (o *options) register(flags *pflag.FlagSet) {
	o.registerDir(flags)
	flags.Var((*once)(&o.listen), "listen", "serve Kafka clients on `HOST:PORT` (listeners; default 127.0.0.1:9092)")
	flags.Var((*once)(&o.http), "http",
		"serve metrics and health on `HOST:PORT`, or nowhere if empty (mainstem.http.listen; default 127.0.0.1:9644)")
}

// registerDir adds the flags of who only needs to find the data directory.
func (o *options) registerDir(flags *pflag.FlagSet) {
	flags.Var((*once)(&o.file), "config", "read settings from `FILE` (.yaml, .yml or .properties)")
	flags.StringArrayVar(&o.set, "set", nil, "set one setting, as `KEY=VALUE`; may be repeated")
	flags.Var((*once)(&o.dataDir), "data-dir", "keep all data in `DIR` (log.dirs; default ./mainstem-data)")
}

// once is a flag that may be given once: of two values one would win silently.
type once given

type given struct {
	text string
	is   bool
}

// String implements pflag.Value.
func (f *once) String() string { return f.text }

// Type implements pflag.Value.
func (f *once) Type() string { return "string" }

// Set implements pflag.Value.
func (f *once) Set(text string) error {
	if f.is {
		return fmt.Errorf("it is given twice, the first time as %q", f.text)
	}
	f.text, f.is = text, true
	return nil
}

// load gathers the settings from all layers and checks them. hostname is asked
// only if a listener needs it.
func (o *options) load(environ []string, hostname func() (string, error)) (Config, error) {
	values, warnings, err := o.layers(environ)
	if err != nil {
		return Config{}, usageError{err}
	}
	more, err := cluster.CheckStatic(texts(values))
	if err != nil {
		return Config{}, usageError{located(err, values)}
	}
	c := Config{Values: values, Resolver: cluster.NewResolver(texts(values)), Warnings: append(warnings, more...)}
	none := &cluster.Image{}
	c.NodeID = c.Resolver.NodeID()
	c.Rack = c.Resolver.Text(none, cluster.RackKey)
	c.HTTP = c.Resolver.Text(none, cluster.HTTPListenKey)
	if err := checkHTTP(c.HTTP); err != nil {
		return Config{}, usageError{err}
	}
	dirs := c.Resolver.List(none, cluster.LogDirsKey)
	if len(dirs) != 1 || dirs[0] == "" {
		return Config{}, usageError{errors.New("log.dirs is empty: name a data directory")}
	}
	c.DataDir = dirs[0]
	listeners, more, err := listenersOf(listenerSettings{
		listeners:   c.Resolver.List(none, cluster.ListenersKey),
		advertised:  c.Resolver.List(none, cluster.AdvertisedListenersKey),
		protocols:   c.Resolver.List(none, cluster.ProtocolMapKey),
		controllers: cluster.ParseList(values["controller.listener.names"].Text),
	}, hostname)
	if err != nil {
		return Config{}, usageError{err}
	}
	c.Listeners, c.Warnings = listeners, append(c.Warnings, more...)
	return c, nil
}

// located adds to each error about a setting where its value came from, as the
// same name may stand in three places, and in the environment under another.
func located(err error, values map[string]Value) error {
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) {
		return err
	}
	var out []error
	for _, e := range all.Unwrap() {
		var setting *cluster.SettingError
		if errors.As(e, &setting) {
			e = fmt.Errorf("%w (from %s)", e, values[setting.Key].Source)
		}
		out = append(out, e)
	}
	return errors.Join(out...)
}

// printf writes to a terminal or a pipe whose errors end the command.
func printf(w io.Writer, format string, args ...any) error {
	if _, err := fmt.Fprintf(w, format, args...); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
