package cluster

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// TestQuotasOutliveRestarts sets and removes quotas, and finds what is left in
// the journal and in a snapshot.
func TestQuotasOutliveRestarts(t *testing.T) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	open := func(o Options) *Journal {
		o.NodeID = 1
		j, err := Open(fs, "/d", o)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	alter := func(j *Journal, e model.QuotaEntity, changes ...QuotaChange) {
		t.Helper()
		if err := j.AlterQuotas([]QuotaAlteration{{e, changes}}); err != nil {
			t.Fatal(err)
		}
	}
	client := model.QuotaEntity{ClientID: model.NamedQuota("c")}
	all := model.QuotaEntity{User: model.DefaultQuota(), ClientID: model.DefaultQuota()}
	j := open(Options{})
	alter(j, client, QuotaChange{Key: "a", Value: 1.5}, QuotaChange{Key: "b", Value: 2})
	alter(j, all, QuotaChange{Key: "a", Value: 3})
	alter(j, client, QuotaChange{Key: "b", Remove: true}, QuotaChange{Key: "none", Remove: true})
	epoch, version := j.Image().QuotaEpoch, j.Image().Version
	if epoch != version {
		t.Errorf("the last change was of a quota: epoch %d, version %d", epoch, version)
	}
	alter(j, client, QuotaChange{Key: "a", Value: 1.5})
	if now := j.Image(); now.Version != version {
		t.Errorf("a change that changes nothing was written: version %d, then %d", version, now.Version)
	}
	want := map[model.QuotaEntity]map[string]float64{client: {"a": 1.5}, all: {"a": 3}}
	for range 3 {
		if diff := cmp.Diff(want, j.Image().Quotas); diff != "" {
			t.Fatal(diff)
		}
		d, err := decodeSnapshot(encodeSnapshot(1, j.Image()), 1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, d.done().Quotas); diff != "" {
			t.Fatal(diff)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(Options{})
	}
	alter(j, client, QuotaChange{Key: "a", Remove: true})
	if _, still := j.Image().Quotas[client]; still {
		t.Error("an entity without quotas is kept")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestQuotasNeedRoom: what cannot grow takes no quotas, but gives them up.
func TestQuotasNeedRoom(t *testing.T) {
	fs, full := vfs.NewMem(), false
	if err := fs.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	errFull := errors.New("full")
	j, err := Open(fs, "/d", Options{NodeID: 1, Room: func(int64) error {
		if full {
			return errFull
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	a, b := model.QuotaEntity{User: model.NamedQuota("a")}, model.QuotaEntity{User: model.NamedQuota("b")}
	set, remove := []QuotaChange{{Key: "k", Value: 1}}, []QuotaChange{{Key: "k", Remove: true}}
	if err := j.AlterQuotas([]QuotaAlteration{{a, set}}); err != nil {
		t.Fatal(err)
	}
	full = true
	if err := j.AlterQuotas([]QuotaAlteration{{a, remove}, {b, set}}); !errors.Is(err, errFull) {
		t.Errorf("set without room: %v", err)
	}
	if len(j.Image().Quotas) != 1 {
		t.Errorf("a part of what was refused was done: %v", j.Image().Quotas)
	}
	if err := j.AlterQuotas([]QuotaAlteration{{a, remove}}); err != nil || len(j.Image().Quotas) != 0 {
		t.Errorf("removed without room: %v, left %v", err, j.Image().Quotas)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
