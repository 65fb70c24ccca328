package coordinator

import (
	"bytes"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// offer is one protocol that a member can use, with its metadata for it.
type offer struct {
	name     string
	metadata []byte
}

func (p offer) equal(o offer) bool { return p.name == o.name && bytes.Equal(p.metadata, o.metadata) }

// member is one client in a group.
type member struct {
	id               string
	instance         *string // static members only
	clientID         string
	clientHost       string
	rebalanceTimeout int32 // ms
	sessionTimeout   int32 // ms
	protocols        []offer
	assignment       []byte    // of the current generation, never changed in place
	fresh            bool      // has not been in a generation yet
	behind           int32     // the generation that it was in when its group came to the classic protocol; 0: the group's
	heard            time.Time // of its last request in order; zero: none since the load
	join             *joinWait
	sync             *syncWait
}

// joinWait is a JoinGroup request that has not been answered.
type joinWait struct {
	req     *kmsg.JoinGroupRequest
	reply   func(*kmsg.JoinGroupResponse)
	refused bool // for good: not to come again with a member id
}

// syncWait is a SyncGroup request that has not been answered.
type syncWait struct {
	req   *kmsg.SyncGroupRequest
	reply func(*kmsg.SyncGroupResponse)
}

func newMember(id string, req *kmsg.JoinGroupRequest, caller Caller, protocols []offer) *member {
	return &member{
		id: id, instance: req.InstanceID, clientID: caller.ClientID, clientHost: caller.ClientHost,
		rebalanceTimeout: rebalanceTimeoutOf(req), sessionTimeout: req.SessionTimeoutMillis,
		protocols: protocols, fresh: true,
	}
}

func restoreMember(v *kmsg.GroupMetadataValueMember, protocolName string) *member {
	m := &member{
		id: v.MemberID, instance: v.InstanceID, clientID: v.ClientID, clientHost: v.ClientHost,
		rebalanceTimeout: v.RebalanceTimeoutMillis, sessionTimeout: v.SessionTimeoutMillis,
		protocols: []offer{{protocolName, v.Subscription}}, assignment: v.Assignment,
	}
	if m.rebalanceTimeout < 0 { // the oldest records have none
		m.rebalanceTimeout = m.sessionTimeout
	}
	return m
}

// rebalanceTimeoutOf is the request's; the first version has only a session's.
func rebalanceTimeoutOf(req *kmsg.JoinGroupRequest) int32 {
	if req.Version == 0 {
		return req.SessionTimeoutMillis
	}
	return req.RebalanceTimeoutMillis
}

// protocolsOf copies what a member offers, each name once.
func protocolsOf(req *kmsg.JoinGroupRequest) []offer {
	protocols := make([]offer, 0, len(req.Protocols))
	seen := make(map[string]bool, len(req.Protocols))
	for _, p := range req.Protocols {
		if !seen[p.Name] {
			seen[p.Name] = true
			protocols = append(protocols, offer{p.Name, bytes.Clone(p.Metadata)})
		}
	}
	return protocols
}

// offerBytes is what a member's offers take, with its own strings.
func (m *member) offerBytes() int {
	return bytesOf(m.protocols) + len(m.id) + len(deref(m.instance)) + len(m.clientID) + len(m.clientHost)
}

func bytesOf(protocols []offer) int {
	n := 0
	for _, p := range protocols {
		n += len(p.name) + len(p.metadata)
	}
	return n
}

// metadata is what the member says for a protocol.
func (m *member) metadata(name string) []byte {
	for _, p := range m.protocols {
		if p.name == name {
			return p.metadata
		}
	}
	return nil
}

// same reports whether the member offers exactly these.
func (m *member) same(protocols []offer) bool {
	return slices.EqualFunc(m.protocols, protocols, offer.equal)
}

// excused reports whether the member cannot be expected to send heartbeats: it
// waits for the group. A fresh one is not, or clients that gave up would stay.
func (m *member) excused() bool { return !m.fresh && (m.join != nil || m.sync != nil) }

func (m *member) takeJoin() *joinWait {
	w := m.join
	m.join = nil
	return w
}

func (m *member) takeSync() *syncWait {
	w := m.sync
	m.sync = nil
	return w
}

// failed is the error response of a JoinGroup.
func (w *joinWait) failed(code protocol.ErrorCode) *kmsg.JoinGroupResponse {
	return joinFailed(w.req, code)
}

// failed is the error response of a SyncGroup.
func (w *syncWait) failed(code protocol.ErrorCode) *kmsg.SyncGroupResponse {
	return syncFailed(w.req, code)
}
