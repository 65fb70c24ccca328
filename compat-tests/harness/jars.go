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
	"regexp"
)

// jars is Apache Kafka as fetched from Maven Central.
type jars struct {
	version   string
	classPath string
}

var kafkaVersionLine = regexp.MustCompile(`<kafka\.version>([^<]+)</kafka\.version>`)

// fetchJars fetches the broker and its tools, and the clients of that version.
func fetchJars(ctx context.Context) (jars, error) { return fetchPinned(ctx, "kafka") }

// fetchPinned copies the jars that the pom.xml in a folder of harness pins, with all
// they need, into the cache, unless they are there.
func fetchPinned(ctx context.Context, folder string) (_ jars, err error) {
	module, err := ModuleDir()
	if err != nil {
		return jars{}, err
	}
	pom := filepath.Join(module, "harness", folder, "pom.xml")
	text, err := os.ReadFile(pom)
	if err != nil {
		return jars{}, err
	}
	m := kafkaVersionLine.FindSubmatch(text)
	if m == nil {
		return jars{}, fmt.Errorf("%s: no kafka.version", pom)
	}
	cache, err := CacheDir()
	if err != nil {
		return jars{}, err
	}
	// The folder's name changes with the pom, so a half or old set is never used.
	sum := sha256.Sum256(text)
	dir := filepath.Join(cache, fmt.Sprintf("kafka-%s-%s", m[1], hex.EncodeToString(sum[:4])))
	got := jars{version: string(m[1]), classPath: filepath.Join(dir, "*")}
	if _, err := os.Stat(dir); err == nil {
		return got, nil
	}
	tmp, err := os.MkdirTemp(cache, "kafka-fetch-")
	if err != nil {
		return jars{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", pom,
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+tmp)
	if out, err := cmd.CombinedOutput(); err != nil {
		return jars{}, fmt.Errorf("fetch Apache Kafka from Maven Central (needs mvn and a JDK 17): %w\n%s", err, out)
	}
	if err := os.Rename(tmp, dir); err != nil {
		// Another run was faster; its set is as good.
		if _, statErr := os.Stat(dir); statErr != nil {
			return jars{}, err
		}
	}
	return got, nil
}
