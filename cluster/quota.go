package cluster

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// QuotaAlteration changes the quotas of one entity. What a key means, and what
// it may be, is its maker's business.
type QuotaAlteration struct {
	Entity  model.QuotaEntity
	Changes []QuotaChange
}

// QuotaChange sets a quota, or removes it.
type QuotaChange struct {
	Key    string
	Value  float64
	Remove bool
}

// AlterQuotas implements Metadata.
func (j *Journal) AlterQuotas(alterations []QuotaAlteration) error {
	var refused error
	err := j.submit(func(t *transaction) {
		var records []quotasRecord
		for _, a := range alterations {
			r := quotasRecord{a.Entity, altering(t.img.Quotas[a.Entity], a.Changes)}
			if len(r.changes) == 0 {
				continue
			}
			if sets(r.changes) {
				if refused = j.mayGrow(t, r); refused != nil {
					return // all or none
				}
			}
			records = append(records, r)
		}
		for _, r := range records {
			t.play(r)
		}
	})
	if err != nil {
		return err
	}
	return refused
}

// altering leaves out what changes nothing.
func altering(now map[string]float64, changes []QuotaChange) []QuotaChange {
	var kept []QuotaChange
	for _, c := range changes {
		if value, set := now[c.Key]; c.Remove && !set || !c.Remove && set && value == c.Value {
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

func sets(changes []QuotaChange) bool {
	for _, c := range changes {
		if !c.Remove {
			return true
		}
	}
	return false
}

// quotasRecord sets or removes quotas of one entity.
type quotasRecord struct {
	entity  model.QuotaEntity
	changes []QuotaChange
}

func (quotasRecord) kind() recordKind { return kindQuotas }

func (r quotasRecord) encode(b []byte) []byte {
	b = putQuotaName(putQuotaName(b, r.entity.User), r.entity.ClientID)
	b = binary.AppendUvarint(b, uint64(len(r.changes)))
	for _, c := range r.changes {
		b = putBool(putString(b, c.Key), !c.Remove)
		if !c.Remove {
			b = binary.BigEndian.AppendUint64(b, math.Float64bits(c.Value))
		}
	}
	return b
}

func putQuotaName(b []byte, n model.QuotaName) []byte {
	if b = putBool(b, n.Given); !n.Given {
		return b
	}
	if b = putBool(b, n.Default); n.Default {
		return b
	}
	return putString(b, n.Name)
}

func decodeQuotas(d *decoder) record {
	r := quotasRecord{entity: model.QuotaEntity{User: d.quotaName(), ClientID: d.quotaName()}}
	if d.err == nil && r.entity == (model.QuotaEntity{}) {
		d.fail("quotas of nobody")
	}
	for range d.length(2) {
		c := QuotaChange{Key: d.string()}
		if c.Remove = !d.bool(); !c.Remove {
			if bits := d.bytes(8); len(bits) == 8 {
				c.Value = math.Float64frombits(binary.BigEndian.Uint64(bits))
			}
		}
		if d.err != nil {
			break
		}
		r.changes = append(r.changes, c)
	}
	return r
}

func (d *decoder) quotaName() model.QuotaName {
	if !d.bool() {
		return model.QuotaName{}
	}
	if d.bool() {
		return model.DefaultQuota()
	}
	return model.NamedQuota(d.string())
}

func (r quotasRecord) apply(d *draft) error {
	own(&d.img.Quotas, &d.owned.quotas)
	next := maps.Clone(d.img.Quotas[r.entity])
	if next == nil {
		next = make(map[string]float64, len(r.changes))
	}
	for _, c := range r.changes {
		if c.Remove {
			delete(next, c.Key)
			continue
		}
		next[c.Key] = c.Value
	}
	if d.img.Quotas[r.entity] = next; len(next) == 0 {
		delete(d.img.Quotas, r.entity)
	}
	d.img.QuotaEpoch = d.img.Version + 1
	return nil
}

// settingQuotas is what brings an entity without quotas to these.
func settingQuotas(values map[string]float64) []QuotaChange {
	changes := make([]QuotaChange, 0, len(values))
	for _, k := range slices.Sorted(maps.Keys(values)) {
		changes = append(changes, QuotaChange{Key: k, Value: values[k]})
	}
	return changes
}
