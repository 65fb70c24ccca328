package coordinator

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
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
// asked to come again, or a load found a rewind or that a topic is gone, heartbeats and fetched
// offsets have nothing to compare with.
func TestConversationsReloaded(t *testing.T) {
	t.Parallel()
	astray := map[*conversation]bool{}
	eachConversation(t, func(t *testing.T, talk *conversation, d *datadriven.TestData) string {
		got := talk.play(t, d)
		astray[talk] = d.Cmd != "setup" && (astray[talk] || removals(got) != removals(d.Expected))
		if atRest(talk) && d.Cmd != "close" && d.Cmd != "unload" {
			talk.restart(t)
			loading := talk.taken()
			// A rewind begins anew with a load, and forgets what was committed meanwhile.
			astray[talk] = astray[talk] || strings.Contains(got+loading, RewindStarted.String()) ||
				strings.Contains(loading, OffsetsDropped.String())
			got += loading
		}
		planned := answerCodes(d.Expected)
		for tag, code := range answerCodes(got) {
			// An answer that comes elsewhere than planned has nothing to compare with.
			want, ok := planned[tag]
			if !ok {
				astray[talk] = true // such as that of a member that waited, and has to join again
			}
			if !ok || code == want {
				continue
			}
			allowed := reloadCodes[code]
			switch {
			case strings.HasSuffix(tag, " beat"):
				allowed = beatReloadCodes[code] || astray[talk]
			case strings.HasSuffix(tag, " offsets"): // what was committed is durable
				allowed = astray[talk] || strings.Contains(code+want, "COORDINATOR")
			case code == "STALE_MEMBER_EPOCH":
				allowed = astray[talk]
			}
			if !allowed {
				d.Fatalf(t, "request %s: %s, not %s", tag, code, want)
			}
			astray[talk] = true
		}
		return d.Expected
	})
}

// TestConversationsCut loads every prefix of the records of every conversation:
// whatever a crash kept, a load makes whole.
func TestConversationsCut(t *testing.T) {
	t.Parallel()
	checked := 0
	eachConversation(t, func(t *testing.T, talk *conversation, d *datadriven.TestData) string {
		talk.play(t, d)
		for _, j := range talk.journals {
			records := j.all()
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
		j.set(func(j *memoryJournal) {
			rest = rest && !j.mu.hold && !j.mu.refuse && !j.mu.broken && j.mu.loadErr == nil && j.mu.gate == nil && len(j.mu.pending) == 0
		})
	}
	return rest
}

var (
	answerLine = regexp.MustCompile(`(?m)^#?(\S+) (join|sync|heartbeat|leave|delete-offsets|list|beat|commit|fetch): (.*)`)
	partOf     = regexp.MustCompile(`(\S+): ?([a-zA-Z_]+)`)
)

// removals counts the members that a text shows to be removed.
func removals(text string) int { return strings.Count(text, "* member removed") }

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
