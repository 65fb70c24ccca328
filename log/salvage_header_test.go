package log

import (
	"slices"
	"strings"
	"testing"
)

// A segment that has lost nothing but its header gets a new one from a salvage,
// and the check is clean: also once the checkpoint, which told what stood there,
// is gone.
func TestSalvageOfAHeader(t *testing.T) {
	for what, c := range map[string]struct {
		make func(t *testing.T) *fixture
		file func(f *fixture) string
	}{
		"first":  {fill, func(f *fixture) string { return f.files(segmentSuffix)[0] }},
		"middle": {fill, func(f *fixture) string { return f.files(segmentSuffix)[1] }},
		"newest": {fill, func(f *fixture) string { names := f.files(segmentSuffix); return names[len(names)-1] }},
		"cold":   {moved, func(f *fixture) string { return f.files(coldPrefix)[0] }},
		"side":   {compactedFixture, func(f *fixture) string { return f.files(sidePrefix)[0] }},
	} {
		t.Run(what, func(t *testing.T) {
			f := c.make(t)
			p := f.log.Partition(1)
			want, err := offsetsFrom(t, p, p.Start())
			if err != nil || len(want) == 0 {
				t.Fatal(want, err)
			}
			f.close()
			name := c.file(f)
			f.edit(name, func(b []byte) { clear(b[:segmentHeaderSize]) })
			if r := f.lookAt(); !r.Damaged() || r.Refused != "" || len(r.Lost) > 0 || !strings.Contains(findingsOf(r), "writes it anew") {
				t.Errorf("refused %q, lost %v: %s", r.Refused, r.Lost, findingsOf(r))
			}
			plan := f.salvage(SalvageOptions{})
			if len(plan.Steps) != 1 || !strings.Contains(plan.Steps[0], "header of segment "+name) {
				t.Errorf("steps: %q", plan.Steps)
			}
			if r := f.lookAt(); r.Damaged() {
				t.Errorf("after the salvage: %s", texts(r, SeverityDamage))
			}
			for _, forget := range []string{"", indexSuffix, checkpointPrefix} {
				if forget != "" {
					f.remove(forget)
				}
				f.open()
				p := f.log.Partition(1)
				if got, err := offsetsFrom(t, p, p.Start()); err != nil || !slices.Equal(got, want) {
					t.Errorf("without %q: read %v, %v; want %v", forget, got, err, want)
				}
				f.close()
			}
			if r := f.lookAt(); r.Damaged() {
				t.Errorf("at the end: %s", texts(r, SeverityDamage))
			}
		})
	}
}

// findingsOf is what a report says, and what it advises.
func findingsOf(r *CheckReport) string {
	var b strings.Builder
	for _, x := range r.Findings {
		b.WriteString(x.Text + ": " + x.Advice + "\n")
	}
	return b.String()
}
