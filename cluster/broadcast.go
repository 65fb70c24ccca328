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

// BroadcastChanged lists the groups for which Broadcast may have changed between
// two images, or says that it may have for any.
func (r *Resolver) BroadcastChanged(before, after *Image) (all bool, groups []string) {
	if r.Text(before, BroadcastPrefixesKey) != r.Text(after, BroadcastPrefixesKey) {
		return true, nil
	}
	for name := range before.GroupConfigs {
		if r.Broadcast(before, name) != r.Broadcast(after, name) {
			groups = append(groups, name)
		}
	}
	for name := range after.GroupConfigs {
		if _, seen := before.GroupConfigs[name]; !seen && r.Broadcast(before, name) != r.Broadcast(after, name) {
			groups = append(groups, name)
		}
	}
	return false, groups
}
