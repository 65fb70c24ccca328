package coordinator

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// reloadCodes are what a client may get instead of the planned answer because
// the coordinator was restarted: its members of a rebalance that was not stored
// join again, all else it asks again. A group that loses its members so can be
// deleted where the plan refuses that, and is not there afterwards.
var reloadCodes = map[string]bool{
	"GROUP_ID_NOT_FOUND": true,
	"ok":                 true, "COORDINATOR_NOT_AVAILABLE": true, "COORDINATOR_LOAD_IN_PROGRESS": true, "UNKNOWN_MEMBER_ID": true,
	"ILLEGAL_GENERATION": true, "REBALANCE_IN_PROGRESS": true, "MEMBER_ID_REQUIRED": true,
}

// beatReloadCodes are those of a member of a consumer group: all that it may know
// is durable.
var beatReloadCodes = map[string]bool{"ok": true, "COORDINATOR_NOT_AVAILABLE": true, "COORDINATOR_LOAD_IN_PROGRESS": true}

// TestConversationsReloaded plays every conversation with a restart after each
// command that finds the journal at rest. Answers may differ from the planned
// ones only as reloadCodes says, and none may be missing. Sessions begin anew with
// a restart and connections end: once a member stays that was to be removed, or was
// asked to come again, or was told another epoch (the first heartbeat after a load looks
// for changed topics), or a load found that a topic is gone, heartbeats have nothing to
// compare with. Fetched offsets have, as long as all that changes offsets went as planned.
func TestConversationsReloaded(t *testing.T) {
	t.Parallel()
	all := map[*conversation]*reloadedTalk{}
	rewound := 0
	eachConversation(t, func(t *testing.T, talk *conversation, d *datadriven.TestData) string {
		if all[talk] == nil || d.Cmd == "setup" {
			all[talk] = &reloadedTalk{}
		}
		r := all[talk]
		got := talk.play(t, d)
		r.astray = r.astray || removals(got) != removals(d.Expected) || toldEpochs(got) != toldEpochs(d.Expected)
		if atRest(talk) && d.Cmd != "close" && d.Cmd != "unload" {
			talk.restart(t)
			loading := talk.lines.Taken()
			r.astray = r.astray || strings.Contains(loading, OffsetsDropped.String())
			got += loading
		}
		r.count(got, d.Expected)
		if r.ended > r.started {
			d.Fatalf(t, "%d rewinds were started, %d came to their end:\n%s", r.started, r.ended, got)
		}
		planned := answerCodes(d.Expected)
		for tag, code := range answerCodes(got) {
			want, ok := planned[tag]
			switch {
			case !ok: // An answer that comes elsewhere than planned has nothing to compare with,
				r.astray = true // such as that of a member that waited, and has to join again.
			case strings.HasSuffix(tag, " offsets") && r.rewound && !r.differs():
				rewound++
			}
			if !ok || code == want {
				continue
			}
			if !r.allowed(tag, code, want) {
				d.Fatalf(t, "request %s: %s, not %s", tag, code, want)
			}
			r.astray = true
			r.refused = r.refused || strings.Contains(tag, " commit ")
		}
		return d.Expected
	})
	if rewound < rewoundFetchesMin {
		t.Errorf("only %d answers with offsets were compared after rewinds", rewound)
	}
}

// rewoundFetchesMin is how many answers the conversations have at least that show over
// a restart what a rewind left.
const rewoundFetchesMin = 10

// reloadedTalk is how far a conversation with restarts is from the planned one.
type reloadedTalk struct {
	astray  bool             // answers differ
	refused bool             // also those to commits
	rewound bool             // a rewind came to its end
	events  [len(movers)]int // those that came, less the planned ones

	started, ended int // rewinds
}

// movers are events that change offsets.
var movers = [...]EventKind{RewindStarted, RewindEnded, OffsetsExpired, OffsetsDropped, GroupDeleted}

func (r *reloadedTalk) count(got, planned string) {
	for i, kind := range movers {
		r.events[i] += strings.Count(got, "* "+kind.String()) - strings.Count(planned, "* "+kind.String())
	}
	r.started += strings.Count(got, "* "+RewindStarted.String())
	r.ended += strings.Count(got, "* "+RewindEnded.String())
	r.astray = r.astray || r.events != [len(movers)]int{} // who has what may differ, too
	r.rewound = r.rewound || strings.Contains(planned, "* "+RewindEnded.String())
}

// differs reports whether the offsets may be others. What was committed is durable.
func (r *reloadedTalk) differs() bool {
	return r.refused || r.events != [len(movers)]int{} || r.astray && !r.rewound
}

// allowed reports whether an answer may be another than the planned one.
func (r *reloadedTalk) allowed(tag, code, want string) bool {
	switch {
	case strings.HasSuffix(tag, " beat"):
		return beatReloadCodes[code] || r.astray
	case strings.HasSuffix(tag, " offsets"):
		return r.differs() || strings.Contains(code+want, "COORDINATOR")
	case code == "STALE_MEMBER_EPOCH":
		return r.astray
	}
	return reloadCodes[code]
}

// TestConversationsCut loads every prefix of the records of every conversation:
// whatever a crash kept, a load makes whole.
func TestConversationsCut(t *testing.T) {
	t.Parallel()
	checked := 0
	eachConversation(t, func(t *testing.T, talk *conversation, d *datadriven.TestData) string {
		talk.play(t, d)
		for _, j := range talk.journals {
			records := j.All()
			// What came with this command, and a little of what was there before.
			for end := max(0, len(records)-10); end <= len(records); end++ {
				if err := checkLoad(records[:end], talk.settledView()); err != nil {
					d.Fatalf(t, "after %d of %d records: %v", end, len(records), err)
				}
				checked++
			}
		}
		return d.Expected
	})
	if checked < 1000 {
		t.Errorf("only %d cuts", checked)
	}
}

// settledView is of the conversation's topics, if it says which there are.
func (c *conversation) settledView() testView {
	if c.shaped.all == nil {
		return anyView()
	}
	return c.shaped.view()
}

// atRest reports whether a restart would find all that was answered.
func atRest(talk *conversation) bool {
	rest := true
	for _, j := range talk.journals {
		j.Set(func(j *shard.MemoryState) {
			rest = rest && !j.Hold && !j.Refuse && !j.Broken && j.LoadErr == nil && j.Gate == nil
		})
		rest = rest && j.Pending() == 0
	}
	return rest
}

var (
	answerLine = regexp.MustCompile(`(?m)^#?(\S+) (join|sync|heartbeat|leave|delete-offsets|list|beat|commit|fetch): (.*)`)
	toldEpoch  = regexp.MustCompile(`beat: ok \S+ epoch=\S+`)
	partOf     = regexp.MustCompile(`(\S+): ?([a-zA-Z_]+)`)
)

// removals counts the members that a text shows to be removed.
func removals(text string) int { return strings.Count(text, "* member removed") }

// toldEpochs are the epochs that a text's heartbeats are answered with.
func toldEpochs(text string) string {
	return strings.Join(toldEpoch.FindAllString(text, -1), " ")
}

// answerCodes are the codes of the answers that a text shows, by request, and by
// the part of it where each has its own.
func answerCodes(text string) map[string]string {
	codes := map[string]string{}
	for _, m := range answerLine.FindAllStringSubmatch(text, -1) {
		tag, what, rest := m[1], m[2], m[3]
		code, _, _ := strings.Cut(rest, " ")
		switch {
		case what == "commit", what == "fetch" && strings.HasPrefix(rest, "["):
			if what == "fetch" {
				codes[tag+" offsets"] = rest
			}
			for _, part := range partOf.FindAllStringSubmatch(rest, -1) {
				codes[tag+" "+what+" "+part[1]] = part[2]
			}
		default:
			codes[tag+" "+what] = code
		}
	}
	return codes
}
