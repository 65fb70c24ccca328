package cluster

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

func TestInspect(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, disk *vfs.Mem)
		want   string // "" if all is well
	}{
		"sound":               {func(*testing.T, *vfs.Mem) {}, ""},
		"snapshot is missing": {func(t *testing.T, d *vfs.Mem) { t.Helper(); remove(t, d, "snapshot-") }, "no snapshot stands in data/metadata"},
		"journal is missing":  {func(t *testing.T, d *vfs.Mem) { t.Helper(); remove(t, d, "journal-") }, "is missing, but snapshot-"},
		"snapshot is empty":   {func(t *testing.T, d *vfs.Mem) { t.Helper(); empty(t, d, "snapshot-") }, "no metadata file header"},
		"journal is empty":    {func(t *testing.T, d *vfs.Mem) { t.Helper(); empty(t, d, "journal-") }, "no metadata file header"},
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewMem()
			j := open(t, disk, Options{NodeID: 1})
			mustCreate(t, j, "a", 3)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			c.damage(t, disk)
			look := vfs.NewFault(disk, nil)
			in, err := Inspect(look, "data")
			if err != nil {
				t.Fatal(err)
			}
			if n := look.Count(vfs.AnyChange); n > 0 {
				t.Errorf("it made %d changes", n)
			}
			if c.want == "" {
				if topic, ok := in.Image.Topic("a"); in.Fault != nil || !ok || len(topic.Partitions) != 3 || !in.Image.PartitionsGiven() {
					t.Errorf("%+v", in)
				}
				return
			}
			if in.Image != nil || in.Fault == nil || !strings.Contains(in.Fault.Error(), c.want) {
				t.Errorf("%v, want %q", in.Fault, c.want)
			}
		})
	}
}

func metadataFile(t *testing.T, d *vfs.Mem, prefix string) string {
	t.Helper()
	names, err := d.List("data/metadata")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if strings.HasPrefix(n, prefix) {
			return "data/metadata/" + n
		}
	}
	t.Fatalf("no %s in %v", prefix, names)
	return ""
}

func remove(t *testing.T, d *vfs.Mem, prefix string) {
	t.Helper()
	if err := d.Remove(metadataFile(t, d, prefix)); err != nil {
		t.Fatal(err)
	}
}

func empty(t *testing.T, d *vfs.Mem, prefix string) {
	t.Helper()
	f, err := d.OpenWritable(metadataFile(t, d, prefix))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(0), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestInspectOfNothing(t *testing.T) {
	disk := vfs.NewMem()
	in, err := Inspect(disk, "data")
	if err != nil || !errors.Is(in.Fault, ErrNoMetadata) {
		t.Error(in, err)
	}
	if has, err := Exists(disk, "data"); has || err != nil {
		t.Error(has, err)
	}
	open(t, disk, Options{NodeID: 1})
	if has, err := Exists(disk, "data"); !has || err != nil {
		t.Error(has, err)
	}
}

// Metadata files written by a build of each format, which every later build has
// to read. v1 is made anew by
//
//	go test ./cluster -run TestFormats -rewrite-fixtures
//
// as long as there is no tagged release; from then on it is frozen.
//
//nolint:gochecknoglobals // A flag of the test binary.
var rewriteFixtures = flag.Bool("rewrite-fixtures", false, "write the fixtures of the present format anew")

const fixturesDir = "testdata/fixtures"

func fixtureScript(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(vfs.OS{}, dir, Options{NodeID: 4, Rack: "r"})
	if err != nil {
		t.Fatal(err)
	}
	one := "1"
	mustCreate(t, j, "a", 3)
	mustCreate(t, j, "gone", 2)
	mustCreate(t, j, "b.c", 1)
	err = errors.Join(
		j.DeleteTopics([]string{"gone"})[0],
		j.AlterConfigs(Resource{ResourceTopic, "a"}, []ConfigChange{{"retention.ms", &one}}),
		j.AlterConfigs(Resource{ResourceBroker, ""}, []ConfigChange{{"log.retention.ms", &one}}),
		j.AlterConfigs(Resource{ResourceGroup, "g"}, []ConfigChange{{"consumer.session.timeout.ms", &one}}),
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.AllocateProducerIDs(1000); err != nil {
		t.Fatal(err)
	}
	return j
}

func TestFormats(t *testing.T) {
	present := filepath.Join(fixturesDir, "v1")
	if *rewriteFixtures {
		dir := t.TempDir()
		j := fixtureScript(t, dir)
		want := state(j.Image())
		if err := errors.Join(j.Close(), os.RemoveAll(present), os.CopyFS(filepath.Join(present, "metadata"), os.DirFS(filepath.Join(dir, "metadata"))),
			os.WriteFile(filepath.Join(present, "state.txt"), []byte(want), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	versions, err := os.ReadDir(fixturesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		t.Run(v.Name(), func(t *testing.T) {
			from := filepath.Join(fixturesDir, v.Name())
			want, err := os.ReadFile(filepath.Join(from, "state.txt"))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.CopyFS(filepath.Join(dir, "metadata"), os.DirFS(filepath.Join(from, "metadata"))); err != nil {
				t.Fatal(err)
			}
			in, err := Inspect(vfs.OS{}, dir)
			if err != nil || in.Fault != nil || state(in.Image) != string(want) {
				t.Errorf("%+v, %v", in, err)
			}
			j, err := Open(vfs.OS{}, dir, Options{NodeID: 4, Rack: "r"})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = j.Close() }()
			if got := state(j.Image()); got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
