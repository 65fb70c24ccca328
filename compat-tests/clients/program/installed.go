package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// installTime is how long a package registry may need, and a compiler of what comes as
// source.
const installTime = 20 * time.Minute

// Python is the command of a program in Python, and what it wants in the
// environment: the package that the folder's VERSION names is installed for it, and
// what is in the folder modules is there to import. With it come more packages, each
// pinned as NAME==VERSION: those of codecs, say.
func Python(t *testing.T, folder, script, modules string, more ...string) (command, env []string) {
	t.Helper()
	name, version := Installed(t, folder)
	python, err := harness.Python(testbroker.Context(t, installTime), strings.Join(append([]string{name + "==" + version}, more...), " "))
	if err != nil {
		t.Fatal(err)
	}
	return []string{python, script}, []string{"PYTHONPATH=" + modules, "PYTHONDONTWRITEBYTECODE=1"}
}

// Node is the same for Node.js.
func Node(t *testing.T, folder, script string) (command, env []string) {
	t.Helper()
	return []string{"node", script}, []string{"NODE_PATH=" + npmModules(t, folder)}
}

// NodeOf is Node for a client that wants another Node.js than the machine has: it is
// installed, too.
func NodeOf(t *testing.T, folder, script, nodeVersion string) (command, env []string) {
	t.Helper()
	dir := npmModules(t, folder, "node@"+nodeVersion)
	return []string{filepath.Join(dir, ".bin", "node"), script}, []string{"NODE_PATH=" + dir}
}

// npmModules is where npm installed the package that the folder's VERSION names, and more.
func npmModules(t *testing.T, folder string, more ...string) string {
	t.Helper()
	name, version := Installed(t, folder)
	dir, err := harness.Node(testbroker.Context(t, installTime), strings.Join(append([]string{name + "@" + version}, more...), " "))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Go is the command of a program of this module.
func Go(t *testing.T, pkg string) (command []string) {
	t.Helper()
	bin, err := harness.GoProgram(testbroker.Context(t, installTime), pkg)
	if err != nil {
		t.Fatal(err)
	}
	return []string{bin}
}

// Java is the command of a program in Java with the jars that the pom.xml in a folder
// of harness pins.
func Java(t *testing.T, folder, source string) (command []string) {
	t.Helper()
	command, err := harness.JavaProgramWith(testbroker.Context(t, installTime), folder, source)
	if err != nil {
		t.Fatal(err)
	}
	return command
}

// Installed reads the package and its version that VERSION in a client's folder begins with.
func Installed(t *testing.T, folder string) (name, version string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(text))
	if len(words) < 2 {
		t.Fatalf("VERSION: %q", text)
	}
	return words[0], strings.TrimSuffix(words[1], ",")
}

// GoModule is the command of a program that is a module of its own.
func GoModule(t *testing.T, folder string) (command []string) {
	t.Helper()
	bin, err := harness.GoModule(testbroker.Context(t, installTime), folder)
	if err != nil {
		t.Fatal(err)
	}
	return []string{bin}
}

// Cargo is the command of a program in Rust, whose package has this name.
func Cargo(t *testing.T, folder, name string) (command []string) {
	t.Helper()
	bin, err := harness.Cargo(testbroker.Context(t, installTime), folder, name)
	if err != nil {
		t.Fatal(err)
	}
	return []string{bin}
}
