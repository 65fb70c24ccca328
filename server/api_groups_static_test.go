package server

import (
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/coordinator"
)

// Who is told to stop a static member hears that it counts for a while longer,
// or that it has left already.
func TestMustBeEmptyOfStaticMembers(t *testing.T) {
	instance := "st1"
	for name, c := range map[string]struct {
		member coordinator.MemberView
		want   string
	}{
		"dynamic": {coordinator.MemberView{}, "stop them, then reset"},
		"classic": {coordinator.MemberView{Instance: &instance}, "counts after that until its session times out"},
		"away": {
			coordinator.MemberView{Instance: &instance, Consumer: &coordinator.ConsumerView{State: coordinator.MemberAway}},
			"has left and counts until its session times out",
		},
	} {
		err := mustBeEmpty(&coordinator.GroupView{ID: "g", Members: []coordinator.MemberView{c.member}}, "reset")
		if err == nil || !strings.Contains(err.Error(), c.want) || name == "dynamic" && !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
