package harness

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// CacheDir holds what is fetched or built once: $COMPAT_CACHE, or
// $HOME/.cache/mainstem-compat.
func CacheDir() (string, error) {
	dir := os.Getenv("COMPAT_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("cache directory: %w", err)
		}
		dir = filepath.Join(base, "mainstem-compat")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// ScratchDir makes a new directory for one run's data. It lies beside the
// cache and not in $TMPDIR, which may be memory: a benchmark needs the disk.
func ScratchDir(prefix string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	run := filepath.Join(cache, "run")
	if err := os.MkdirAll(run, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(run, prefix)
}

// ModuleDir is the directory of compat-tests, found upwards from here.
func ModuleDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.Contains(string(b), "/mainstem/compat-tests") {
			return dir, nil
		}
		if err == nil {
			// The root module: its compat-tests are below.
			sub := filepath.Join(dir, "compat-tests")
			if _, err := os.Stat(filepath.Join(sub, "go.mod")); err == nil {
				return sub, nil
			}
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no compat-tests module here or above; run inside the repository")
		}
		dir = up
	}
}

// ports hands out listening ports below the kernel's range for outgoing
// connections, so that no client's connection can sit on one.
type ports struct {
	mu   sync.Mutex
	next int
}

const (
	portFirst = 19000
	portLast  = 19999
)

// FreePorts returns n ports that were free a moment ago.
var FreePorts = new(ports).take

func (p *ports) take(n int) ([]int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == 0 {
		// Runs at the same time start at different places.
		p.next = portFirst + os.Getpid()%(portLast-portFirst)
	}
	var got []int
	for tries := 0; tries <= portLast-portFirst && len(got) < n; tries++ {
		port := p.next
		if p.next++; p.next > portLast {
			p.next = portFirst
		}
		l, err := net.Listen("tcp", Local(port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		got = append(got, port)
	}
	if len(got) < n {
		return nil, fmt.Errorf("no %d free ports from %d to %d", n, portFirst, portLast)
	}
	return got, nil
}

// Local is the loopback address with a port.
func Local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
