package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// ApiVersions (key 18), versions 0 to 4.
//
// Versions:
//   - v1: throttle time
//   - v3: flexible; the client's name and version, features (KIP-511, KIP-584)
//   - v4: features whose lowest version is 0
//
// A version above 4 gets a body of version 0 with error 35 and the one row of
// this API, as in Kafka, whatever its header looks like.
//
// Differs from Kafka: features are named only as far as they are built, and they
// have their last level and no other. group.version=1 says that consumer groups are
// served; it is not finalized without consumer in
// group.coordinator.rebalance.protocols, where Kafka leaves it. transaction.version=2
// has clients leave it to Produce to add partitions, and raise their epoch with each
// transaction (KIP-890); clients of before are served beside them.
func (s *Server) apiVersions(c *call, req *kmsg.ApiVersionsRequest) {
	if req.Version >= 3 {
		if !softwareName(req.ClientSoftwareName) || !softwareName(req.ClientSoftwareVersion) {
			resp := kmsg.NewPtrApiVersionsResponse()
			resp.ErrorCode = c.failed(protocol.InvalidRequest)
			c.answer(resp)
			return
		}
		c.conn.software.Store(&software{name: req.ClientSoftwareName, version: req.ClientSoftwareVersion})
	}
	c.answer(protocol.ApiVersionsResponse(req.Version, s.table.served, s.features()))
}

// features are those that are built.
func (s *Server) features() []protocol.Feature {
	groups := protocol.Feature{Name: "group.version", Min: 0, Max: 1}
	if s.settings.consumerGroups() {
		groups.Finalized = 1
	}
	return []protocol.Feature{groups, {Name: "transaction.version", Min: 0, Max: 2, Finalized: 2}}
}

// softwareName is KIP-511's rule for names and versions: letters and digits at
// both ends, dots and dashes between.
func softwareName(s string) bool {
	for i := range len(s) {
		b := s[i]
		alnum := b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		inner := i > 0 && i < len(s)-1
		if !alnum && (!inner || b != '.' && b != '-') {
			return false
		}
	}
	return s != ""
}
