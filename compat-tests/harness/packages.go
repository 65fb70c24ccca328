package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// install makes a directory of the cache once: its name has the hash of what it
// is made from, so a half or old one is never used. fill works under the
// name that it will keep, as a Python environment knows where it lies.
func install(name, from string, fill func(dir string) error) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(from))
	dir := filepath.Join(cache, name+"-"+hex.EncodeToString(sum[:4]))
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	whole := filepath.Join(dir, ".whole")
	if _, err := os.Stat(whole); err == nil {
		return dir, nil
	}
	// A half one is of a run that was broken off.
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return "", err
	}
	if err := fill(dir); err != nil {
		return "", err
	}
	return dir, os.WriteFile(whole, nil, 0o644)
}

// lock keeps other runs out until unlock.
func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	// The lock goes with the file, or with the process.
	unlock = func() { _ = f.Close() }
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		unlock()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return unlock, nil
}

// command runs a command of an installation; what it prints is for its error.
func command(ctx context.Context, dir string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", argv[0], err, out)
	}
	return nil
}

// JavaProgram compiles a source file that uses Apache Kafka's jars, with what it uses of
// the others in its folder, and returns the command that runs its class.
func JavaProgram(ctx context.Context, source string) ([]string, error) {
	return JavaProgramWith(ctx, "kafka", source)
}

// JavaProgramWith is JavaProgram with the jars that the pom.xml in a folder of
// harness pins: kafka, or one of kafka-clients-*.
func JavaProgramWith(ctx context.Context, folder, source string) ([]string, error) {
	lib, err := fetchPinned(ctx, folder)
	if err != nil {
		return nil, err
	}
	if lib, err = lib.with(ctx, source); err != nil {
		return nil, err
	}
	return lib.command(className(source)), nil
}

// with is the jars and the class of a source file that uses them, with the other sources
// of its folder that it uses.
func (j jars) with(ctx context.Context, source string) (jars, error) {
	folder := filepath.Dir(source)
	text, err := sources(folder)
	if err != nil {
		return jars{}, err
	}
	dir, err := install("java-"+className(source), j.classPath+text, func(dir string) error {
		return command(ctx, "", "javac", "-d", dir, "-cp", j.classPath, "-sourcepath", folder, source)
	})
	j.classPath = dir + string(filepath.ListSeparator) + j.classPath
	return j, err
}

func className(source string) string {
	return strings.TrimSuffix(filepath.Base(source), filepath.Ext(source))
}

// sources is the text of all programs in Java in a folder.
func sources(folder string) (string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.java"))
	var all strings.Builder
	for _, name := range files {
		text, readErr := os.ReadFile(name)
		err = errors.Join(err, readErr)
		all.Write(text)
	}
	return all.String(), err
}

// Python installs packages from PyPI, as NAME==VERSION with spaces in between, and
// returns the interpreter that has them.
func Python(ctx context.Context, pinned string) (string, error) {
	dir, err := install("python", pinned, func(dir string) error {
		return errors.Join(
			command(ctx, "", "python3", "-m", "venv", dir),
			command(ctx, "", append([]string{filepath.Join(dir, "bin", "pip"), "install", "-q", "--disable-pip-version-check"}, strings.Fields(pinned)...)...))
	})
	if err != nil {
		return "", fmt.Errorf("install %s (needs Python 3 with venv): %w", pinned, err)
	}
	return filepath.Join(dir, "bin", "python"), nil
}

// Node installs packages from npm, as NAME@VERSION with spaces in between, and returns
// the directory for $NODE_PATH.
func Node(ctx context.Context, pinned string) (string, error) {
	dir, err := install("node", pinned, func(dir string) error {
		return command(ctx, dir, append([]string{"npm", "install", "--no-package-lock", "--no-save", "--no-audit", "--no-fund", "--prefix", dir}, strings.Fields(pinned)...)...)
	})
	if err != nil {
		return "", fmt.Errorf("install %s (needs Node.js with npm): %w", pinned, err)
	}
	return filepath.Join(dir, "node_modules"), nil
}

// GoProgram builds a command of this module.
func GoProgram(ctx context.Context, pkg string) (string, error) {
	module, err := ModuleDir()
	if err != nil {
		return "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(cache, "bin", "go-"+filepath.Base(filepath.Dir(pkg))+"-"+filepath.Base(pkg))
	return bin, command(ctx, module, "go", "build", "-o", bin, "./"+pkg)
}
