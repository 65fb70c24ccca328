package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// options are of one run.
type options struct {
	allow, target string
	quick, write  bool
	// keep is the root of the folders, where the result is left; "" keeps none.
	keep string
	// commit and date are of what runs.
	commit, date string
}

func main() {
	var o options
	flag.StringVar(&o.allow, "allow", "", "file with one test a line that must pass")
	flag.StringVar(&o.target, "target", "mainstem", "what was tested: mainstem or kafka")
	flag.BoolVar(&o.quick, "quick", false, "the quick set: a skipped test is left out, not missing")
	flag.BoolVar(&o.write, "write", false, "write the passed tests to the allow file")
	flag.StringVar(&o.keep, "keep", "", "leave what the tests said in results/ of this directory")
	page := flag.String("page", "", "write this page from the results of the directory that -keep names, and do nothing else")
	flag.Parse()
	if *page != "" {
		if err := writePage(o.keep, *page); err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			os.Exit(1)
		}
		return
	}
	var err error
	if o.keep != "" {
		o.commit, o.date, err = checkedOut(o.keep)
	}
	ok := false
	if err == nil {
		ok, err = run(os.Stdin, os.Stdout, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, o options) (bool, error) {
	res, err := read(in, out)
	if err != nil {
		return false, err
	}
	if o.write {
		if err := writeAllowed(o.allow, res); err != nil {
			return false, err
		}
	}
	allowed, err := readAllowed(o.allow)
	if err != nil {
		return false, err
	}
	ok := judge(out, res, allowed, o.target, o.quick)
	if o.keep != "" && res.ran() {
		about, err := aboutRun(o)
		if err != nil {
			return false, err
		}
		err = newResult(about, res).save(o.keep)
		return ok && err == nil, err
	}
	return ok, nil
}

// aboutRun says what was run now, of the folder that has the allow file.
func aboutRun(o options) (about, error) {
	folder := filepath.Dir(o.allow)
	version, err := clientVersion(o.keep, folder)
	if err != nil {
		return about{}, err
	}
	broker := "Mainstem"
	if o.target == string(harness.Kafka) {
		if broker, err = harness.Version(context.Background(), harness.Kafka); err != nil {
			return about{}, err
		}
		broker, _, _ = strings.Cut(broker, " on ") // Java
	}
	return about{client: filepath.Base(folder), target: o.target, broker: broker, version: version, commit: o.commit, date: o.date}, nil
}

func writePage(root, file string) error {
	m, err := readMatrix(root)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(m.page()), 0o644)
}
