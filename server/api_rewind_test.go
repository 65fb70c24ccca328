package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/server"
)

// TestRewindRefusals: what is wrong with a request, and what is wrong with the
// group only now, have statuses of their own.
func TestRewindRefusals(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 2)
	c.coordinate("g")
	c.produce("t", 0, "a", "b", "c")
	c.commit("g", "t", 0, 2)
	for _, tc := range []struct {
		verb, body string
		status     int
		words      string
	}{
		{"rewind/undo", `{}`, http.StatusConflict, "no rewind to undo"},
		{"skip", `{"topic":"t","partition":0,"offset":1}`, http.StatusConflict, "is past record 1 of t-0 already"},
		{"skip", `{"topic":"t","partition":1}`, http.StatusConflict, "has committed nothing for t-1"},
		{"skip", `{"topic":"t","partition":0,"offset":-1}`, http.StatusBadRequest, "not negative"},
		{"skip", `{"topic":"t","partition":0,"count":-1}`, http.StatusBadRequest, "not negative"},
		{"rewind", `{"to":"yesterday"}`, http.StatusBadRequest, "is not earliest"},
		{"rewind", `{"to":"earliest","topics":[]}`, http.StatusBadRequest, "the list of topics is empty"},
	} {
		var e server.APIError
		b.apiAsk("POST", "/api/v1/groups/g/"+tc.verb, tc.body, tc.status, &e)
		if e.Code != "INVALID_REQUEST" || !strings.Contains(e.Message, tc.words) {
			t.Errorf("%s %s: %+v, want %q", tc.verb, tc.body, e, tc.words)
		}
	}
}
