package harness

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
)

// Output is what a tool printed.
type Output struct {
	Stdout, Stderr string
	// Code is the exit code.
	Code int
}

// Run runs a command with input; an exit code is no error.
func Run(ctx context.Context, input string, argv ...string) (Output, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	out := Output{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return out, fmt.Errorf("%s: %w\n%s%s", argv[0], ctx.Err(), out.Stdout, out.Stderr)
	}
	if errors.As(err, &exit) {
		err = nil
	}
	return out, err
}

// JavaTool runs a main class of Apache Kafka's tools.
func JavaTool(ctx context.Context, input, class string, args ...string) (Output, error) {
	argv, err := JavaCommand(ctx, class, args...)
	if err != nil {
		return Output{}, err
	}
	return Run(ctx, input, argv...)
}

// JavaCommand is the command line that runs a main class of Apache Kafka's jars.
func JavaCommand(ctx context.Context, class string, args ...string) ([]string, error) {
	lib, err := fetchJars(ctx)
	if err != nil {
		return nil, err
	}
	return append(lib.command(class), args...), nil
}

// command runs a main class: C1 only and a small heap, so that short tools start
// faster.
func (j jars) command(class string) []string {
	return []string{
		"java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-Dlog4j2.level=ERROR", "-cp", j.classPath, class,
	}
}

var ensureKcat = sync.OnceValues(func() (string, error) {
	if path, err := exec.LookPath("kcat"); err == nil {
		return path, nil
	}
	// A fresh machine may have no package lists yet.
	for _, args := range [][]string{{"update", "-q"}, {"install", "-y", "-q", "--no-install-recommends", "kcat"}} {
		out, err := exec.Command("apt-get", args...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("kcat is not installed and apt-get %s failed: %w\n%s", args[0], err, out)
		}
	}
	return exec.LookPath("kcat")
})

// Kcat is the path of kcat, which is installed from Debian if it is missing.
func Kcat() (string, error) { return ensureKcat() }
