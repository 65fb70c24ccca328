package old

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// pythonPackages are the client, and what it wants for its codecs.
const pythonPackages = "kafka-python==2.0.2 six==1.17.0 lz4==4.4.5 xxhash==3.5.0 python-snappy==0.7.3"

// TestKafkaPython: kafka-python with a version of brokers set, as its users do. It asks
// for the versions of that time: 0.8.1 commits without members (OffsetCommit v0).
func TestKafkaPython(t *testing.T) {
	for _, version := range []string{"0.8.1", "0.8.2", "0.9", "0.10.0", "0.10.2"} {
		t.Run(version, func(t *testing.T) {
			testbroker.Quick(t)
			python, err := harness.Python(testbroker.Context(t, 5*time.Minute), pythonPackages)
			if err != nil {
				t.Fatal(err)
			}
			command := []string{python, filepath.Join("testdata", "old.py")}
			c := client{
				codecs: []string{"none", "gzip", "snappy", "lz4"},
				groups: true,
				produce: func(t *testing.T, topic, codec string) ([]int64, error) {
					s, err := try(t, command, "produce", version, shared.Addr(), topic, codec, strconv.Itoa(count))
					return s.offsets, err
				},
				consume: func(t *testing.T, topic, group string, n, fetchBytes int) []record {
					return run(t, command, "consume", version, shared.Addr(), topic, group, strconv.Itoa(n), strconv.Itoa(fetchBytes)).records
				},
			}
			if version == "0.8.1" {
				c.codecs = c.codecs[:3] // It has LZ4 from 0.8.2 on.
			}
			scenario(t, c)
		})
	}
}
