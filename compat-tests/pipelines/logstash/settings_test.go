package logstash

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// plugin is the settings of the input or of the output, by Logstash's names.
type plugin map[string]string

var (
	blockBegin = regexp.MustCompile(`^(input|output) \{$`)
	setting    = regexp.MustCompile(`^(\w+) => (.+)$`)
)

// readPipeline reads testdata/logstash.conf.
func readPipeline(t *testing.T) (input, output plugin) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "logstash.conf"))
	if err != nil {
		t.Fatal(err)
	}
	plugins := map[string]plugin{"input": {}, "output": {}}
	block := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if m := blockBegin.FindStringSubmatch(line); m != nil {
			block = m[1]
		} else if m := setting.FindStringSubmatch(line); m != nil && block != "" {
			plugins[block][m[1]] = strings.Trim(m[2], `[]"`)
		} else if line != "" && line != "}" && line != "kafka {" {
			t.Fatalf("logstash.conf: %q", line)
		}
	}
	return plugins["input"], plugins["output"]
}

// take removes a setting that is the plugin's own, and none of the client's.
func (p plugin) take(t *testing.T, name string) string {
	t.Helper()
	value, ok := p[name]
	if !ok {
		t.Fatalf("logstash.conf has no %s", name)
	}
	delete(p, name)
	return value
}

// properties writes the client's: the plugin's defaults in a file of testdata, what is
// changed in them (the empty one is not given at all), and the settings, whose names
// differ by the dots.
func (p plugin) properties(t *testing.T, defaults string, changed map[string]string) (file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", defaults))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, "=")
		if _, is := changed[name]; !is {
			b.WriteString(line)
		}
	}
	for name, value := range changed {
		if value != "" {
			fmt.Fprintf(&b, "%s=%s\n", name, value)
		}
	}
	// The last line of a name holds.
	for name, value := range p {
		fmt.Fprintf(&b, "%s=%s\n", strings.ReplaceAll(name, "_", "."), value)
	}
	file = filepath.Join(t.TempDir(), defaults)
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
