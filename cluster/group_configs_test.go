package cluster

import (
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// TestGroupBounds holds what a group sets against what this broker's own
// settings allow.
func TestGroupBounds(t *testing.T) {
	r := NewResolver(map[string]string{
		"group.consumer.min.session.timeout.ms": "2000", "group.consumer.session.timeout.ms": "6000",
		"group.consumer.min.heartbeat.interval.ms": "1000", "group.consumer.heartbeat.interval.ms": "3000",
		"group.consumer.assignors": "range",
	})
	for name, c := range map[string]struct {
		session, heartbeat, assignor string // "": not set
		wrong                        string
	}{
		"nothing set":            {},
		"both":                   {session: "2000", heartbeat: "1000"},
		"session at the top":     {session: "60000"},
		"assignor":               {assignor: "range"},
		"another assignor":       {assignor: "uniform", wrong: "mainstem.consumer.assignor=uniform is not among the broker's: group.consumer.assignors is range."},
		"no assignor":            {assignor: "sticky", wrong: "Invalid value \"sticky\" for mainstem.consumer.assignor: it must be one of uniform, range, or empty."},
		"short session":          {session: "1999", wrong: "consumer.session.timeout.ms=1999 is less than the broker allows: group.consumer.min.session.timeout.ms is 2000."},
		"long session":           {session: "60001", wrong: "consumer.session.timeout.ms=60001 is more than the broker allows: group.consumer.max.session.timeout.ms is 60000."},
		"short interval":         {heartbeat: "999", wrong: "consumer.heartbeat.interval.ms=999 is less than the broker allows: group.consumer.min.heartbeat.interval.ms is 1000."},
		"long interval":          {heartbeat: "15001", wrong: "consumer.heartbeat.interval.ms=15001 is more than the broker allows: group.consumer.max.heartbeat.interval.ms is 15000."},
		"session of a beat":      {session: "2000", heartbeat: "2000", wrong: "consumer.session.timeout.ms=2000 must be more than consumer.heartbeat.interval.ms=2000."},
		"below broker's beat":    {session: "2500", wrong: "consumer.session.timeout.ms=2500 must be more than consumer.heartbeat.interval.ms=3000."},
		"above broker's session": {heartbeat: "7000", wrong: "consumer.session.timeout.ms=6000 must be more than consumer.heartbeat.interval.ms=7000."},
	} {
		configs := map[string]string{}
		if c.session != "" {
			configs[consumerSessionKey] = c.session
		}
		if c.heartbeat != "" {
			configs[consumerHeartbeatKey] = c.heartbeat
		}
		if c.assignor != "" {
			configs[consumerAssignorKey] = c.assignor
		}
		err := r.ValidateGroupConfigs(&Image{}, configs)
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.wrong != "" && (err == nil || err.Error() != protocol.Errorf(protocol.InvalidConfig, "%s", c.wrong).Error()):
			t.Errorf("%s: %v, want %s", name, err, c.wrong)
		}
	}
}

func TestGroupSettings(t *testing.T) {
	img := &Image{GroupConfigs: map[string]map[string]string{"g": {consumerSessionKey: " 50000 ", consumerAssignorKey: "range"}}}
	if got, want := img.GroupSettings("g"), (GroupSettings{ConsumerSession: 50 * time.Second, ConsumerAssignor: "range"}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got := img.GroupSettings("h"); got != (GroupSettings{}) {
		t.Errorf("%v of a group without settings", got)
	}
}
