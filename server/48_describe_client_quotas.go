package server

import (
	"cmp"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// DescribeClientQuotas (key 48), versions 0 to 1 (KIP-546).
//
// Versions:
//   - v1: flexible
//
// Differs from Kafka: there are no quotas of IP addresses, so a filter for them
// finds none. The entries are in the order of their names.
func (s *Server) describeClientQuotas(c *call, req *kmsg.DescribeClientQuotasRequest) {
	resp := kmsg.NewPtrDescribeClientQuotasResponse()
	f, err := quotaFilterOf(req)
	if err != nil {
		resp.ErrorCode, resp.ErrorMessage = c.failed(err.Code), protocol.MessageOf(err)
		c.answer(resp)
		return
	}
	resp.Entries = []kmsg.DescribeClientQuotasResponseEntry{}
	quotas := s.meta.Image().Quotas
	found := slices.DeleteFunc(slices.Collect(maps.Keys(quotas)), func(e model.QuotaEntity) bool { return !f.matches(e) })
	slices.SortFunc(found, func(a, b model.QuotaEntity) int { return cmp.Compare(a.String(), b.String()) })
	for _, e := range found {
		entry := kmsg.DescribeClientQuotasResponseEntry{}
		for _, part := range partsOf(e) {
			entry.Entity = append(entry.Entity, kmsg.DescribeClientQuotasResponseEntryEntity{Type: part.kind, Name: part.name})
		}
		for _, key := range slices.Sorted(maps.Keys(quotas[e])) {
			entry.Values = append(entry.Values, kmsg.DescribeClientQuotasResponseEntryValue{Key: key, Value: quotas[e][key]})
		}
		resp.Entries = append(resp.Entries, entry)
	}
	c.answer(resp)
}

// weighClientQuotas is what all quotas take.
func (s *Server) weighClientQuotas(*kmsg.DescribeClientQuotasRequest) int {
	const entity, value = 160, 96
	n := 0
	for e, values := range s.meta.Image().Quotas {
		n += entity + 2*(len(e.User.Name)+len(e.ClientID.Name)) + value*len(values)
	}
	return n
}

// Kafka's names of what an entity is made of.
const (
	userQuota   = "user"
	clientQuota = "client-id"
	ipQuota     = "ip"
)

// quotaPart is one side of an entity on the wire; a nil name is the default.
type quotaPart struct {
	kind string
	name *string
}

func partsOf(e model.QuotaEntity) []quotaPart {
	var parts []quotaPart
	add := func(kind string, n model.QuotaName) {
		switch {
		case n.Default:
			parts = append(parts, quotaPart{kind, nil})
		case n.Given:
			parts = append(parts, quotaPart{kind, &n.Name})
		}
	}
	add(userQuota, e.User)
	add(clientQuota, e.ClientID)
	return parts
}

// quotaFilter is what a request asks for, by Kafka's name of each side.
type quotaFilter struct {
	exact  map[string]model.QuotaName
	any    map[string]bool // whatever its name
	strict bool            // entities with another side are not meant
}

func quotaFilterOf(req *kmsg.DescribeClientQuotasRequest) (*quotaFilter, *protocol.Error) {
	f := &quotaFilter{exact: map[string]model.QuotaName{}, any: map[string]bool{}, strict: req.Strict}
	for i := range req.Components {
		if err := f.add(&req.Components[i]); err != nil {
			return nil, err
		}
	}
	if f.has(ipQuota) && (f.has(userQuota) || f.has(clientQuota)) {
		return nil, protocol.Errorf(protocol.InvalidRequest, "A filter for IP addresses cannot be combined with one for users or client ids.")
	}
	return f, nil
}

func (f *quotaFilter) has(kind string) bool {
	_, exact := f.exact[kind]
	return exact || f.any[kind]
}

func (f *quotaFilter) add(c *kmsg.DescribeClientQuotasRequestComponent) *protocol.Error {
	const exact, defaults, specified = 0, 1, 2
	kind := c.EntityType
	switch {
	case kind == "":
		return protocol.Errorf(protocol.InvalidRequest, "An entity type is empty: it is %s, %s or %s.", userQuota, clientQuota, ipQuota)
	case f.has(kind):
		return protocol.Errorf(protocol.InvalidRequest, "The entity type %s appears twice in the filter.", kind)
	case kind != userQuota && kind != clientQuota && kind != ipQuota:
		return protocol.Errorf(protocol.UnsupportedVersion, "The entity type %q does not exist: it is %s, %s or %s.", kind, userQuota, clientQuota, ipQuota)
	case c.MatchType == exact && c.Match == nil:
		return protocol.Errorf(protocol.InvalidRequest, "The filter wants an exact match for %s, and names none.", kind)
	case (c.MatchType == defaults || c.MatchType == specified) && c.Match != nil:
		return protocol.Errorf(protocol.InvalidRequest, "The filter names a match for %s, and its match type %d takes none.", kind, int8(c.MatchType))
	}
	switch c.MatchType {
	case exact:
		f.exact[kind] = model.NamedQuota(*c.Match)
	case defaults:
		f.exact[kind] = model.DefaultQuota()
	case specified:
		f.any[kind] = true
	default:
		return protocol.Errorf(protocol.InvalidRequest, "The match type %d does not exist: 0 is exact, 1 the default, 2 any.", int8(c.MatchType))
	}
	return nil
}

func (f *quotaFilter) matches(e model.QuotaEntity) bool {
	sides := map[string]model.QuotaName{userQuota: e.User, clientQuota: e.ClientID}
	if f.any[ipQuota] {
		return false
	}
	for kind, want := range f.exact {
		if sides[kind] != want { // of an IP address there is none
			return false
		}
	}
	for kind, side := range sides {
		if f.any[kind] && !side.Given || f.strict && side.Given && !f.has(kind) {
			return false
		}
	}
	return true
}
