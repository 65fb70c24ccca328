package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Debian unpacks packages of Debian, with what they depend on and the system has not,
// into the cache, and returns the root of that tree and what programs in it want in
// the environment: where libraries are, to run with them and to build with them.
// Nothing is installed: no daemon is started, none of the system's is replaced, and
// packages that conflict are there beside each other.
func Debian(ctx context.Context, packages ...string) (root string, env []string, err error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", nil, fmt.Errorf("unpack %s: needs Debian: %w", packages[0], err)
	}
	root, err = install(packages[0], string(release)+strings.Join(packages, " "), func(dir string) error {
		return unpack(ctx, dir, packages)
	})
	if err != nil {
		return "", nil, fmt.Errorf("unpack %s (needs Debian's apt-get): %w", strings.Join(packages, ", "), err)
	}
	libs, err := filepath.Glob(filepath.Join(root, "usr", "lib", "*-linux-gnu"))
	more, moreErr := filepath.Glob(filepath.Join(root, "lib", "*-linux-gnu"))
	path := strings.Join(append(libs, more...), string(filepath.ListSeparator))
	return root, []string{
		"LD_LIBRARY_PATH=" + path,
		"LIBRARY_PATH=" + path, "CPATH=" + filepath.Join(root, "usr", "include"),
	}, errors.Join(err, moreErr)
}

// unpack fetches packages and unpacks them.
func unpack(ctx context.Context, dir string, packages []string) error {
	archives := filepath.Join(dir, ".archives")
	if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil {
		return err
	}
	fetch := append([]string{
		"apt-get", "install", "-y", "-q", "--download-only", "--reinstall", "--no-install-recommends",
		// Only files of our own are written, which need no lock of the system's.
		"-o", "Debug::NoLocking=1", "-o", "Dir::Cache::archives=" + archives,
	}, packages...)
	if command(ctx, "", fetch...) != nil {
		// A fresh machine may have no package lists yet, or old ones.
		if err := command(ctx, "", "apt-get", "update", "-q"); err != nil {
			return err
		}
		if err := command(ctx, "", fetch...); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil || len(files) < len(packages) {
		return errors.Join(err, fmt.Errorf("%d archives of %d packages", len(files), len(packages)))
	}
	for _, file := range files {
		if err := command(ctx, "", "dpkg-deb", "-x", file, dir); err != nil {
			return err
		}
	}
	return os.RemoveAll(archives)
}
