package server

import (
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server/quota"
)

// AlterClientQuotas (key 49), versions 0 to 1 (KIP-546).
//
// Versions:
//   - v1: flexible
//
// An entity that is wrong is refused, the others are changed, all of them in one
// durable write.
//
// Differs from Kafka:
//   - Quotas of IP addresses (connection_creation_rate) are refused, as nothing
//     here would keep to them.
//   - An entity that appears twice in a request is refused and stays as it is;
//     Kafka refuses it and changes it all the same.
//   - What is no number, or infinite, is refused.
func (s *Server) alterClientQuotas(c *call, req *kmsg.AlterClientQuotasRequest) {
	resp := kmsg.NewPtrAlterClientQuotasResponse()
	resp.Entries = make([]kmsg.AlterClientQuotasResponseEntry, 0, len(req.Entries))
	refuse := func(place int, err *protocol.Error) {
		resp.Entries[place].ErrorCode, resp.Entries[place].ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
	}
	times, answered := map[model.QuotaEntity]int{}, map[model.QuotaEntity]bool{}
	for i := range req.Entries {
		if e, err := quotaEntityOf(req.Entries[i].Entity); err == nil {
			times[e]++
		}
	}
	var alterations []cluster.QuotaAlteration
	var places []int // in the answer, of each alteration
	for i := range req.Entries {
		entity, err := quotaEntityOf(req.Entries[i].Entity)
		if err == nil && answered[entity] {
			continue // Answered by its first appearance.
		}
		resp.Entries = append(resp.Entries, kmsg.AlterClientQuotasResponseEntry{Entity: echoed(req.Entries[i].Entity)})
		place := len(resp.Entries) - 1
		var changes []cluster.QuotaChange
		if err == nil {
			answered[entity] = true
			changes, err = quotaChanges(req.Entries[i].Ops)
			if times[entity] > 1 {
				err = protocol.Errorf(protocol.InvalidRequest, "The entity %s appears twice in the request.", entity)
			}
		}
		if err != nil {
			refuse(place, err)
			continue
		}
		alterations, places = append(alterations, cluster.QuotaAlteration{Entity: entity, Changes: changes}), append(places, place)
	}
	if len(alterations) > 0 && !req.ValidateOnly {
		if err := asError(s.meta.AlterQuotas(alterations)); err != nil {
			for _, place := range places {
				refuse(place, err)
			}
		} else {
			s.quotasAltered(c, alterations)
		}
	}
	c.answer(resp)
}

// quotasLogged is how many entities of one request the log names.
const quotasLogged = 20

func (s *Server) quotasAltered(c *call, alterations []cluster.QuotaAlteration) {
	if more := len(alterations) - quotasLogged; more > 0 {
		s.done(c, "quotas of many altered", zap.Int("entities", len(alterations)))
		alterations = alterations[:quotasLogged]
	}
	for _, a := range alterations {
		if len(a.Changes) == 0 {
			continue
		}
		fields := []zap.Field{zap.Stringer("of", a.Entity)}
		for _, ch := range a.Changes {
			if ch.Remove {
				fields = append(fields, zap.String(ch.Key, "removed"))
				continue
			}
			fields = append(fields, zap.Float64(ch.Key, ch.Value))
		}
		s.done(c, "quotas altered", fields...)
	}
}

func echoed(entity []kmsg.AlterClientQuotasRequestEntryEntity) []kmsg.AlterClientQuotasResponseEntryEntity {
	return mapped(entity, func(e kmsg.AlterClientQuotasRequestEntryEntity) kmsg.AlterClientQuotasResponseEntryEntity {
		return kmsg.AlterClientQuotasResponseEntryEntity{Type: e.Type, Name: e.Name}
	})
}

// quotaEntityOf checks whom a request names.
func quotaEntityOf(parts []kmsg.AlterClientQuotasRequestEntryEntity) (model.QuotaEntity, *protocol.Error) {
	var e model.QuotaEntity
	if len(parts) == 0 {
		return e, protocol.Errorf(protocol.InvalidRequest, "The entity is empty: name a %s, a %s or both.", userQuota, clientQuota)
	}
	for _, p := range parts {
		name := model.DefaultQuota()
		if p.Name != nil {
			name = model.NamedQuota(*p.Name)
		}
		var side *model.QuotaName
		switch p.Type {
		case userQuota:
			side = &e.User
		case clientQuota:
			side = &e.ClientID
		case ipQuota:
			return e, protocol.Errorf(protocol.InvalidRequest, "Quotas of IP addresses are not kept here: name a %s, a %s or both.", userQuota, clientQuota)
		default:
			return e, protocol.Errorf(protocol.InvalidRequest, "The entity type %q does not exist: name a %s, a %s or both.", p.Type, userQuota, clientQuota)
		}
		switch {
		case side.Given:
			return e, protocol.Errorf(protocol.InvalidRequest, "The entity names two of the type %s.", p.Type)
		case name.Given && !name.Default && name.Name == "":
			return e, protocol.Errorf(protocol.InvalidRequest, "The name of the %s is empty; null stands for the default.", p.Type)
		}
		*side = name
	}
	return e, nil
}

// quotaChanges checks what is to be changed of one entity.
func quotaChanges(ops []kmsg.AlterClientQuotasRequestEntryOp) ([]cluster.QuotaChange, *protocol.Error) {
	changes := make([]cluster.QuotaChange, 0, len(ops))
	seen := make(map[string]bool, len(ops))
	for _, op := range ops {
		if seen[op.Key] {
			return nil, protocol.Errorf(protocol.InvalidRequest, "The quota %s is given twice.", op.Key)
		}
		seen[op.Key] = true
		if err := checkQuota(op); err != nil {
			return nil, err
		}
		changes = append(changes, cluster.QuotaChange{Key: op.Key, Value: op.Value, Remove: op.Remove})
	}
	return changes, nil
}

// checkQuota says whether a quota may be set. To remove one that does not exist
// is no mistake.
func checkQuota(op kmsg.AlterClientQuotasRequestEntryOp) *protocol.Error {
	if op.Remove {
		return nil
	}
	k, known := quota.KindOf(op.Key)
	switch {
	case !known:
		return protocol.Errorf(protocol.InvalidRequest, "The quota %q does not exist; there are %s, %s, %s and %s.", op.Key,
			quota.Produce.Key(), quota.Fetch.Key(), quota.Request.Key(), quota.Mutation.Key())
	case !(op.Value > 0) || math.IsInf(op.Value, 0):
		return protocol.Errorf(protocol.InvalidRequest, "The quota %s is %v; it must be greater than 0.", op.Key, op.Value)
	case k.Whole() && op.Value > math.MaxInt64:
		return protocol.Errorf(protocol.InvalidRequest, "The quota %s is %v; that is more than a long holds.", op.Key, op.Value)
	case k.Whole() && math.Mod(op.Value, 1) > 1e-6:
		return protocol.Errorf(protocol.InvalidRequest, "The quota %s is %v; it must be a whole number.", op.Key, op.Value)
	}
	return nil
}
