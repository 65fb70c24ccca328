package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlantedRun has tools/planted.sh judge patches of a made-up house: only a
// test that fails has caught a bug.
func TestPlantedRun(t *testing.T) {
	script, err := filepath.Abs(filepath.Join("..", "..", "tools", "planted.sh"))
	if err != nil {
		t.Fatal(err)
	}
	house := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module house\n\ngo 1.26\n",
		"x/x.go": "package x\n\nfunc two() int {\n\treturn 2\n}\n",
		"x/x_test.go": "package x\n\nimport \"testing\"\n\n" +
			"func TestTwo(t *testing.T) {\n\tif two() != 2 {\n\t\tt.Fatal(\"not two\")\n\t}\n}\n",
		"wrong.patch":    patchOfTwo("return 3"),
		"panics.patch":   patchOfTwo("panic(2)"),
		"hangs.patch":    patchOfTwo("select {}"),
		"harmless.patch": patchOfTwo("return 2 // as before"),
		"compiles.patch": patchOfTwo("return two"),
		"fits.patch":     strings.ReplaceAll(patchOfTwo("return 3"), "-\treturn 2", "-\treturn 1"),
	} {
		path := filepath.Join(house, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "git", "-C", house, "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct {
		patch, judged string
		ok            bool
	}{
		{"wrong.patch", "caught wrong.patch: x_test.go:", true},
		{"panics.patch", "caught panics.patch: panic: ", true},
		{"hangs.patch", "HUNG hangs.patch\n", false},
		{"harmless.patch", "MISSED harmless.patch\n", false},
		{"compiles.patch", "BROKEN compiles.patch\n", false},
		{"fits.patch", "BROKEN fits.patch\n", false},
	} {
		t.Run(c.patch, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), script, c.patch)
			cmd.Dir, cmd.Env = house, append(os.Environ(), "LIMIT=1s", "GOFLAGS=", "GOWORK=off")
			out, err := cmd.CombinedOutput()
			if !strings.HasPrefix(string(out), c.judged) || (err == nil) != c.ok {
				t.Errorf("%v, want %q:\n%s", err, c.judged, out)
			}
		})
	}
}

// patchOfTwo has the made-up house return something else.
func patchOfTwo(line string) string {
	return "# What it breaks.\nTest: ./x -run TestTwo\n\n--- a/x/x.go\n+++ b/x/x.go\n" +
		"@@ -1,5 +1,5 @@\n package x\n \n func two() int {\n-\treturn 2\n+\t" + line + "\n }\n"
}
