package harness

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Version says in one line what a target is, and what it runs on.
func Version(ctx context.Context, target Target) (string, error) {
	switch target {
	case Mainstem:
		bin, err := MainstemBinary()
		if err != nil {
			return "", err
		}
		text, err := firstLine(ctx, bin, "version")
		return "Mainstem: " + text, err
	case Kafka:
		lib, err := fetchJars(ctx)
		if err != nil {
			return "", err
		}
		java, err := firstLine(ctx, "java", "-version")
		return "Apache Kafka " + lib.version + " on " + java, err
	}
	return "", fmt.Errorf("version: unknown target %q", target)
}

// firstLine is the first line that a command prints.
func firstLine(ctx context.Context, argv ...string) (string, error) {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line, nil
}
