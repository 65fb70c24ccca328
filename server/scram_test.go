package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// TestScramCredentials: nobody has any, and who is named is told so once.
func TestScramCredentials(t *testing.T) {
	c := startBroker(t, options{}).dial()
	describe := func(names ...string) (out []string) {
		req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
		for _, n := range names {
			req.Users = append(req.Users, kmsg.DescribeUserSCRAMCredentialsRequestUser{Name: n})
		}
		resp := ask[*kmsg.DescribeUserSCRAMCredentialsResponse](c, 0, req)
		for _, r := range resp.Results {
			if len(r.CredentialInfos) > 0 || r.ErrorMessage == nil {
				t.Fatalf("%+v", r)
			}
			out = append(out, r.User+" "+protocol.ErrorCode(r.ErrorCode).String()+": "+*r.ErrorMessage)
		}
		return out
	}
	if d := cmp.Diff([]string(nil), describe()); d != "" {
		t.Error(d)
	}
	want := []string{
		"b DUPLICATE_RESOURCE: the user is named 3 times in one request: name it once",
		"a RESOURCE_NOT_FOUND: the user has no SCRAM credentials: this broker has no logins yet",
	}
	if d := cmp.Diff(want, describe("b", "a", "b", "b")); d != "" {
		t.Error(d)
	}
}
