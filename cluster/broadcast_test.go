package cluster

import (
	"slices"
	"testing"
)

func TestBroadcast(t *testing.T) {
	r := NewResolver(map[string]string{BroadcastPrefixesKey: "fan-, cfg"})
	img := &Image{GroupConfigs: map[string]map[string]string{
		"fan-not": {ConsumeModeKey: "cluster"},
		"one":     {ConsumeModeKey: "broadcast"},
		"other":   {"consumer.session.timeout.ms": "50000"},
	}}
	for group, want := range map[string]bool{
		"fan-out": true, "cfg": true, "config": false, "fan": false, "": false,
		"fan-not": false, "one": true, "one-more": false, "other": false,
	} {
		if got := r.Broadcast(img, group); got != want {
			t.Errorf("%q is consumed by broadcast: %v, want %v", group, got, want)
		}
	}
}

// GroupsChanged finds the groups on which something else is set, and no others.
func TestGroupsChanged(t *testing.T) {
	r := NewResolver(nil)
	set := func(prefixes string, modes ...string) *Image {
		img := &Image{GroupConfigs: map[string]map[string]string{}, BrokerConfigs: map[string]string{}}
		if prefixes != "" {
			img.BrokerConfigs[BroadcastPrefixesKey] = prefixes
		}
		for i := 0; i+1 < len(modes); i += 2 {
			img.GroupConfigs[modes[i]] = map[string]string{ConsumeModeKey: modes[i+1]}
		}
		return img
	}
	for _, c := range []struct {
		before, after *Image
		all           bool
		want          []string
	}{
		{set(""), set(""), false, nil},
		{set(""), set("", "g", "cluster"), false, []string{"g"}},
		{set("", "g", "cluster"), set("", "g", "cluster"), false, nil},
		{set("", "same", "cluster", "changed", "cluster", "gone", "cluster"), set("", "same", "cluster", "changed", "broadcast", "new", "cluster"), false, []string{"changed", "gone", "new"}},
		{set(""), set("", "g", "broadcast"), false, []string{"g"}},
		{set("", "g", "broadcast", "h", "broadcast"), set("", "h", "broadcast"), false, []string{"g"}},
		{set("", "g", "broadcast"), set("", "g", "cluster"), false, []string{"g"}},
		{set("g", "g", "cluster"), set("g"), false, []string{"g"}},
		{set("g"), set("g", "g", "broadcast"), false, []string{"g"}},
		{set(""), set("g"), true, nil},
	} {
		all, got := r.GroupsChanged(c.before, c.after)
		slices.Sort(got)
		if all != c.all || !slices.Equal(got, c.want) {
			t.Errorf("%v -> %v: all %v, groups %q; want %v, %q", c.before.GroupConfigs, c.after.GroupConfigs, all, got, c.all, c.want)
		}
	}
}
