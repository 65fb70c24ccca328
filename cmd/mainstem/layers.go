package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"

	"github.com/mainstem-mq/mainstem/cli"
	"github.com/mainstem-mq/mainstem/cluster"
)

// noDelimiter keeps koanf from reading dots as nesting: max.connections and
// max.connections.per.ip are both settings, and one would hide the other.
const noDelimiter = "\x00"

const envPrefix = "MAINSTEM_"

// layer is a source of settings for koanf, already flat.
type layer map[string]any

// Read implements koanf.Provider.
func (l layer) Read() (map[string]any, error) { return l, nil }

// ReadBytes implements koanf.Provider.
func (l layer) ReadBytes() ([]byte, error) { return nil, errors.New("layers are read as maps") }

// layers puts file, environment and flags over each other.
func (o *options) layers(environ []string) (map[string]Value, []string, error) {
	env, warnings := environment(environ)
	file := o.file.text
	if v, ok := env["config"]; ok {
		if file == "" {
			file = v.Text
		}
		delete(env, "config")
	}
	k := koanf.New(noDelimiter)
	stack := make([]map[string]Value, 0, 3)
	if file != "" {
		fromFile, err := readConfigFile(file)
		if err != nil {
			return nil, nil, err
		}
		stack = append(stack, fromFile)
	}
	fromFlags, err := o.flagValues()
	if err != nil {
		return nil, nil, err
	}
	for _, values := range append(stack, env, fromFlags) {
		l := make(layer, len(values))
		for key, v := range values {
			l[key] = v
		}
		if err := k.Load(l, nil); err != nil {
			return nil, nil, fmt.Errorf("merge settings: %w", err)
		}
	}
	out := make(map[string]Value)
	for _, key := range k.Keys() {
		if v, ok := k.Get(key).(Value); ok {
			out[key] = v
		}
	}
	return out, warnings, nil
}

// environment collects MAINSTEM_* as settings.
func environment(environ []string) (map[string]Value, []string) {
	out := make(map[string]Value)
	var warnings []string
	for _, e := range environ {
		name, text, _ := strings.Cut(e, "=")
		rest, ok := strings.CutPrefix(name, envPrefix)
		if !ok || rest == "" || name == cli.BootstrapVariable {
			continue
		}
		// Kubernetes sets such variables in every pod beside a service called mainstem.
		if rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_") {
			warnings = append(warnings, name+" looks like a service link of Kubernetes and is not read as a setting")
			continue
		}
		key := strings.ToLower(strings.ReplaceAll(rest, "_", "."))
		if _, known := cluster.BrokerConfigDef(key); !known {
			if _, own := cluster.BrokerConfigDef("mainstem." + key); own {
				key = "mainstem." + key
			}
		}
		out[key] = Value{Text: text, Source: "environment " + name}
	}
	slices.Sort(warnings)
	return out, warnings
}

// flagValues turns the flags into settings.
func (o *options) flagValues() (map[string]Value, error) {
	out := make(map[string]Value)
	put := func(flag, key, text string) error {
		if old, twice := out[key]; twice {
			return fmt.Errorf("%s is given twice, by %s and by flag --%s", key, old.Source, flag)
		}
		out[key] = Value{Text: text, Source: "flag --" + flag}
		return nil
	}
	listener, err := listenerOfFlag(o.listen)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		given
		flag, key string
	}{
		{o.dataDir, "data-dir", cluster.LogDirsKey}, {listener, "listen", cluster.ListenersKey}, {o.http, "http", cluster.HTTPListenKey},
	} {
		if f.is {
			if err := put(f.flag, f.key, f.text); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range o.set {
		key, text, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--set %s: write it as KEY=VALUE", s)
		}
		if err := put("set", strings.TrimSpace(key), text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readConfigFile reads a file of settings by its extension.
func readConfigFile(name string) (map[string]Value, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w (it is a file of KEY=VALUE lines such as server.properties, or YAML; "+
			"without one every setting has its default)", err)
	}
	var values map[string]string
	switch ext := filepath.Ext(name); ext {
	case ".properties":
		values, err = parseProperties(string(content))
	case ".yaml", ".yml":
		values, err = parseYAML(content)
	default:
		return nil, fmt.Errorf("%s: a configuration file ends in .yaml, .yml or .properties, not in %q", name, ext)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := make(map[string]Value, len(values))
	for k, v := range values {
		out[k] = Value{Text: v, Source: "file " + name}
	}
	return out, nil
}

// parseYAML reads settings written flat (log.retention.ms: 1) or nested.
func parseYAML(content []byte) (map[string]string, error) {
	tree, err := yaml.Parser().Unmarshal(content)
	if err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	out := make(map[string]string)
	return out, flatten("", tree, out)
}

func flatten(prefix string, tree map[string]any, out map[string]string) error {
	for name, v := range tree {
		key := prefix + name
		if sub, ok := v.(map[string]any); ok {
			if err := flatten(key+".", sub, out); err != nil {
				return err
			}
			continue
		}
		s, err := scalar(v)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if _, twice := out[key]; twice {
			return fmt.Errorf("%s is given twice, flat and nested", key)
		}
		out[key] = s
	}
	return nil
}

// scalar is the text of a YAML value as Kafka would write it.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, int, int64, uint64:
		return fmt.Sprint(v), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case []any:
		elements := make([]string, len(v))
		for i, e := range v {
			s, err := scalar(e)
			if err != nil {
				return "", err
			}
			elements[i] = s
		}
		return strings.Join(elements, ","), nil
	case nil:
		return "", errors.New("has no value; write '' for an empty one")
	default:
		return "", fmt.Errorf("is a %T, not a text, number, truth value or list; quote it", v)
	}
}
