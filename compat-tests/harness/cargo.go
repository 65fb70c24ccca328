package harness

import (
	"context"
	"fmt"
	"path/filepath"
)

// Cargo builds a program in Rust, with the crates that its Cargo.lock pins, and returns
// the binary, which has the package's name.
func Cargo(ctx context.Context, folder, name string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	target := filepath.Join(cache, "rust")
	if err := command(ctx, folder, "cargo", "build", "--release", "--locked", "--target-dir", target); err != nil {
		return "", fmt.Errorf("build %s (needs Rust with cargo): %w", name, err)
	}
	return filepath.Join(target, "release", name), nil
}
