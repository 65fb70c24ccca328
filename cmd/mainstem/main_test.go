package main

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mainstem": func() {
			os.Exit(run(context.Background(), process{
				args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr,
			}))
		},
	})
}

// The scripts of testdata run the command as a user would.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/scripts"})
}
