package shippers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// scenario: lines are written before, while and after the broker is killed and while
// the shipper is away, and all arrive.
func scenario(t *testing.T, s shipper) {
	testbroker.Quick(t)
	r := prepare(t, s)
	r.start(t)
	// Some begin at the end of the file: the first lines show that it is at work.
	first := 0
	testbroker.Eventually(t, arrival, func() error {
		r.write(t, 1)
		if first = r.arrived.First(t); first == 0 {
			return errors.New("no line arrived")
		}
		return nil
	})
	r.write(t, 1000)
	r.has(t, first)
	for range 2 {
		r.write(t, 1000)
		// Some of these are under way.
		shared.Kill(t)
		r.write(t, 500)
		shared.Restart(t)
		r.write(t, 500)
		r.has(t, first)
	}
	if !s.forgets {
		r.now.Signal(t, syscall.SIGTERM)
		<-r.now.Ended()
		r.write(t, 500)
		r.start(t)
		r.write(t, 500)
		r.has(t, first)
	}
	t.Logf("%d lines from %d on, %d of them arrived again", r.lines, first, r.arrived.Repeats(t))
}

// debian is a shipper of Debian's packages.
func debian(packages ...string) func(ctx context.Context) (string, []string, error) {
	return func(ctx context.Context) (string, []string, error) { return harness.Debian(ctx, packages...) }
}

// library is a folder of libraries below a package's root, whatever the machine.
func library(root, name string) string {
	all, err := filepath.Glob(filepath.Join(root, "usr", "lib", name))
	if err != nil || len(all) == 0 {
		return filepath.Join(root, "usr", "lib", name) // which the shipper will miss
	}
	return all[0]
}

// text is a line of a log.
func text(n int) string { return fmt.Sprintf("app: line %d of a log, für alle: 東京", n) }

// number is which line a text is.
func number(value []byte) (int, error) {
	var n int
	if _, err := fmt.Sscanf(string(value), "app: line %d ", &n); err != nil {
		return 0, err
	}
	if string(value) != text(n) {
		return n, fmt.Errorf("this is not line %d", n)
	}
	return n, nil
}

func TestRsyslog(t *testing.T) {
	scenario(t, shipper{
		conf: "rsyslog.conf", log: "/var/log/app.log",
		install: debian("rsyslog", "rsyslog-kafka"),
		places:  func(_, state string) map[string]string { return map[string]string{"/var/spool/rsyslog": state} },
		argv: func(root, conf, state string) []string {
			return []string{filepath.Join(root, "usr", "sbin", "rsyslogd"), "-n", "-f", conf, "-i", filepath.Join(state, "pid"), "-M", library(root, "*-linux-gnu/rsyslog")}
		},
		text: text, number: number,
	})
}

func TestSyslogNG(t *testing.T) {
	scenario(t, shipper{
		conf: "syslog-ng.conf", log: "/var/log/app.log",
		install: func(ctx context.Context) (string, []string, error) {
			root, env, err := harness.Debian(ctx, "syslog-ng-core", "syslog-ng-mod-rdkafka")
			for i := range env {
				env[i] += ":" + library(root, "syslog-ng")
			}
			return root, env, err
		},
		places: func(string, string) map[string]string { return nil },
		argv: func(root, conf, state string) []string {
			return []string{
				filepath.Join(root, "usr", "sbin", "syslog-ng"), "--foreground", "--no-caps", "--cfgfile=" + conf, "--module-path=" + library(root, "syslog-ng/[0-9]*"),
				"--persist-file=" + filepath.Join(state, "persist"), "--pidfile=" + filepath.Join(state, "pid"), "--control=" + filepath.Join(state, "control"),
			}
		},
		text: text, number: number,
	})
}

// TestCollectd: collectd. What it ships are values, so the lines are of a table: a time,
// which must grow, and a number.
func TestCollectd(t *testing.T) {
	begin := time.Now().UnixMilli()
	scenario(t, shipper{
		conf: "collectd.conf", log: "/var/log/app.csv",
		install: debian("collectd-core", "librdkafka1"),
		places: func(root, state string) map[string]string {
			return map[string]string{
				"/var/lib/collectd": state, "/var/run": state, "/usr/lib/collectd": library(root, "collectd"),
				"/usr/share/collectd": filepath.Join(root, "usr", "share", "collectd"),
			}
		},
		argv: func(root, conf, _ string) []string {
			return []string{filepath.Join(root, "usr", "sbin", "collectd"), "-f", "-C", conf}
		},
		text: func(n int) string {
			at := begin + int64(n)
			return fmt.Sprintf("%d.%03d,%d", at/1000, at%1000, n)
		},
		number: func(value []byte) (int, error) {
			var points []struct{ Values []int }
			if err := json.Unmarshal(value, &points); err != nil {
				return 0, err
			}
			if len(points) != 1 || len(points[0].Values) != 1 {
				return 0, errors.New("this is not one value")
			}
			return points[0].Values[0], nil
		},
		// It begins at the end of the file.
		forgets: true,
	})
}

// telegraf is its module, and what a user who wants no more than this builds it with.
const (
	telegraf     = "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2"
	telegrafTags = "custom,inputs.tail,outputs.kafka,parsers.value,serializers.json"
)

func TestTelegraf(t *testing.T) {
	scenario(t, shipper{
		conf: "telegraf.conf", log: "/var/log/app.log",
		install: func(ctx context.Context) (string, []string, error) {
			bin, err := harness.GoInstall(ctx, telegraf, telegrafTags)
			return bin, nil, err
		},
		places: func(_, state string) map[string]string { return map[string]string{"/var/lib/telegraf": state} },
		argv:   func(bin, conf, _ string) []string { return []string{bin, "--config", conf} },
		text:   text,
		number: func(value []byte) (int, error) {
			var metric struct{ Fields struct{ Value string } }
			if err := json.Unmarshal(value, &metric); err != nil {
				return 0, err
			}
			return number([]byte(strings.TrimSpace(metric.Fields.Value)))
		},
	})
}
