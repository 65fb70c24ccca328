package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// machine describes what a run ran on, one line each.
func machine(ctx context.Context, dir string, targets []harness.Target) ([]string, error) {
	lines := []string{
		fmt.Sprintf("%d cores (%s), %s of memory, %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name"), memory(), kernel()),
		fmt.Sprintf("data on %s; Go %s", fileSystem(dir), strings.TrimPrefix(runtime.Version(), "go")),
	}
	for _, t := range targets {
		v, err := harness.Version(ctx, t)
		if err != nil {
			return nil, err
		}
		lines = append(lines, v)
	}
	return lines, nil
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(b))
}

// memory is MemTotal in GiB.
func memory() string {
	return fmt.Sprintf("%.0f GiB", float64(meminfo("MemTotal"))/(1<<30))
}

// field finds the first "name: value" line of a file in /proc.
func field(path, name string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// fileSystem names the type, device and options of a directory's mount.
func fileSystem(dir string) string {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "an unknown file system"
	}
	best, text := "", "an unknown file system"
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		at := strings.TrimSuffix(f[1], "/") + "/"
		if strings.HasPrefix(dir+"/", at) && len(at) >= len(best) {
			best, text = at, fmt.Sprintf("%s (%s, %s)", f[2], f[0], f[3])
		}
	}
	return text
}
