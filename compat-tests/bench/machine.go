package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

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
	var kb float64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%f kB", &kb); err != nil {
		return "an unknown amount"
	}
	return fmt.Sprintf("%.0f GiB", kb/(1<<20))
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

// touchMemory writes and removes gib GiB in the memory file system, for a
// minute at most: on a virtual machine the first touch of a page can take ten
// times as long as later ones, and whoever is measured first would pay.
func touchMemory(dir string, gib float64) (text string, err error) {
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("mainstem-bench-%d", os.Getpid())))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i)
	}
	begin := time.Now()
	written := 0
	for ; float64(written) < gib*kib && time.Since(begin) < time.Minute; written++ {
		if _, err := f.Write(block); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%.1f GiB of memory were written and given back before the run (%.0f MB/s)",
		float64(written)/kib, float64(written)*(1<<20)/1e6/time.Since(begin).Seconds()), nil
}
