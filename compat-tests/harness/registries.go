package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Jars fetches what a pom.xml depends on at run time, and returns the folder that
// has it.
func Jars(ctx context.Context, pom string) (string, error) {
	text, err := os.ReadFile(pom)
	if err != nil {
		return "", err
	}
	dir, err := install("jars-"+filepath.Base(filepath.Dir(pom)), string(text), func(dir string) error {
		return command(ctx, "", "mvn", "-q", "-B", "-f", pom,
			"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+dir)
	})
	if err != nil {
		return "", fmt.Errorf("fetch the jars of %s (needs mvn and a JDK 17): %w", pom, err)
	}
	return dir, nil
}

// GoInstall builds a command of another module, as PACKAGE@VERSION, with build tags,
// and returns its path.
func GoInstall(ctx context.Context, pinned, tags string) (string, error) {
	path, _, _ := strings.Cut(pinned, "@")
	dir, err := install("go", pinned+tags, func(dir string) error {
		return command(ctx, dir, "env", "GOBIN="+dir, "GOFLAGS=-mod=mod", "go", "install", "-tags", tags, pinned)
	})
	if err != nil {
		return "", fmt.Errorf("build %s: %w", pinned, err)
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}
