package cluster

import "strings"

// The settings by which a group is consumed by broadcast.
const (
	// ConsumeModeKey is set on a group.
	ConsumeModeKey = "mainstem.consume.mode"
	// BroadcastPrefixesKey is set on brokers and holds for groups without a mode.
	BroadcastPrefixesKey = "mainstem.broadcast.group.prefixes"

	consumeCluster   = "cluster"
	consumeBroadcast = "broadcast"
)

// Broadcast reports whether every member of a group gets every partition.
func (r *Resolver) Broadcast(img *Image, group string) bool {
	if mode, ok := img.GroupConfigs[group][ConsumeModeKey]; ok {
		return strings.TrimSpace(mode) == consumeBroadcast
	}
	prefixes := r.Text(img, BroadcastPrefixesKey)
	if prefixes == "" { // as for nearly everybody, and asked with every request
		return false
	}
	for _, prefix := range ParseList(prefixes) {
		if prefix != "" && strings.HasPrefix(group, prefix) {
			return true
		}
	}
	return false
}
