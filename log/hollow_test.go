package log

import (
	"errors"
	"path"
	"strings"
	"testing"
)

// harmed makes a file shorter, or zeros all of it.
func (f *fixture) harmed(name string, left int64, zeros bool) {
	f.t.Helper()
	file := mustOpenFile(f.t, f.mem(), path.Join(f.disk.dir, name))
	size, err := file.Size()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := file.Truncate(left); err != nil {
		f.t.Fatal(err)
	}
	if !zeros {
		return
	}
	if err := file.Truncate(size); err != nil {
		f.t.Fatal(err)
	}
}

// A segment of the cold log of which nothing is left is as good as missing: the
// start is refused, whatever is left of its header. A salvage ends it.
func TestHollowColdSegment(t *testing.T) {
	logs := map[string]struct {
		make   func(t *testing.T) *fixture
		prefix string
	}{
		"cold": {make: moved, prefix: coldPrefix},
		"side": {make: compactedFixture, prefix: sidePrefix},
	}
	harms := map[string]func(f *fixture, name string){
		"no byte":         func(f *fixture, name string) { f.harmed(name, 0, false) },
		"half a header":   func(f *fixture, name string) { f.harmed(name, 40, false) },
		"only its header": func(f *fixture, name string) { f.harmed(name, segmentHeaderSize, false) },
		"only zeros":      func(f *fixture, name string) { f.harmed(name, 0, true) },
	}
	for kind, c := range logs {
		for harm, do := range harms {
			t.Run(kind+"/"+harm, func(t *testing.T) {
				f := c.make(t)
				f.close()
				name := f.files(c.prefix)[0]
				do(f, name)
				before := f.files("")
				if _, _, err := Open(f.cfg, f.disk.env()); !errors.Is(err, errMissing) || !strings.Contains(err.Error(), name) {
					t.Fatalf("the start: %v", err)
				}
				r := f.lookAt()
				if got := texts(r, SeverityDamage); r.Refused == "" || len(r.Lost) == 0 || !strings.Contains(got, "segment "+name+": cold log: segment "+name+" is empty") {
					t.Errorf("the check: refused %q, lost %v: %s", r.Refused, r.Lost, got)
				}
				if !containsAll(f.files(""), before) {
					t.Errorf("files were %v, are %v", before, f.files(""))
				}
				f.salvage(SalvageOptions{})
				if r := f.lookAt(); r.Damaged() || !PlanSalvage(r, SalvageOptions{}).Empty() {
					t.Errorf("after the salvage: %s", texts(r, SeverityDamage))
				}
				for range 2 {
					f.open()
					f.scrubNow()
					if _, err := offsetsFrom(t, f.log.Partition(1), 0); err != nil || f.log.Damage().Ranges > 0 {
						t.Errorf("after the salvage: %v, %+v", err, f.log.Damage())
					}
					f.append(300, 1)
					f.close()
				}
			})
		}
	}
}
