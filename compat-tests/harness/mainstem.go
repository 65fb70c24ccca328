package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// buildOnce builds the binary once per test process.
var buildOnce = sync.OnceValues(buildMainstem)

// MainstemBinary is $BROKER_BIN, or a binary built from the repository.
func MainstemBinary() (string, error) {
	if bin := os.Getenv("BROKER_BIN"); bin != "" {
		bin, err := filepath.Abs(bin)
		if err != nil {
			return "", err
		}
		if _, err := os.Stat(bin); err != nil {
			return "", fmt.Errorf("BROKER_BIN: %w", err)
		}
		return bin, nil
	}
	return buildOnce()
}

func buildMainstem() (string, error) { return Build("mainstem") }

// Build builds a command of the repository and returns its path.
func Build(name string) (string, error) {
	module, err := ModuleDir()
	if err != nil {
		return "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(cache, "bin", fmt.Sprintf("%s-%d", name, os.Getpid()))
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/"+name)
	cmd.Dir = filepath.Dir(module)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	// One name for all runs, replaced whole: a running child keeps its file.
	final := filepath.Join(cache, "bin", name)
	return final, os.Rename(bin, final)
}

func startMainstem(_ context.Context, opts Options) (Broker, error) {
	bin, err := MainstemBinary()
	if err != nil {
		return nil, err
	}
	ports, err := FreePorts(2)
	if err != nil {
		return nil, err
	}
	argv := []string{
		bin, "serve", "--data-dir", filepath.Join(opts.Dir, "data"),
		"--listen", Local(ports[0]), "--http", Local(ports[1]),
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Props)) {
		argv = append(argv, "--set", name+"="+opts.Props[name])
	}
	b := &broker{
		target:  Mainstem,
		addr:    Local(ports[0]),
		ready:   "http://" + Local(ports[1]) + "/readyz",
		metrics: "http://" + Local(ports[1]) + "/metrics",
		opts:    opts,
		proc:    process{argv: argv, logFile: filepath.Join(opts.Dir, "broker.log")},
	}
	return b, b.boot()
}

// broker is one target's process with its address and data.
type broker struct {
	target Target
	addr   string
	// ready answers 200 when the broker is; both URLs are empty for Kafka.
	ready, metrics string
	opts           Options
	proc           process
	took           time.Duration
}

func (b *broker) Target() Target           { return b.target }
func (b *broker) Addr() string             { return b.addr }
func (b *broker) PID() int                 { return b.proc.pid() }
func (b *broker) Stop() error              { return b.proc.stop() }
func (b *broker) Kill() error              { return b.proc.kill() }
func (b *broker) StartTime() time.Duration { return b.took }
func (b *broker) Metrics() string          { return b.metrics }
func (b *broker) LogFile() string          { return b.proc.logFile }

func (b *broker) Restart() error {
	if b.proc.running() {
		return errors.New("restart: still running")
	}
	return b.boot()
}

func (b *broker) Remove() error {
	return errors.Join(b.proc.kill(), os.RemoveAll(b.opts.Dir))
}

// boot starts the process and waits until clients are answered.
func (b *broker) boot() error {
	begin := time.Now()
	if err := b.proc.start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), b.opts.ReadyTimeout)
	defer cancel()
	err := awaitMetadata(ctx, b.addr, b.proc.done)
	b.took = time.Since(begin)
	if err == nil && b.ready != "" {
		err = awaitHTTP(ctx, b.ready, b.proc.done)
	}
	if err != nil {
		return errors.Join(
			fmt.Errorf("%s is not ready after %v: %w; log: %s", b.target, time.Since(begin), err, b.proc.tail()),
			b.proc.kill())
	}
	return nil
}
