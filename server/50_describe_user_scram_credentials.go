package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// DescribeUserScramCredentials (key 50), version 0 (KIP-554).
//
// No client logs in here yet, so no user has a credential, and what Kafka answers
// then is the truth: none of all users, RESOURCE_NOT_FOUND for one that is named.
// kafka-configs asks for it whenever it describes users, after their quotas.
// AlterUserScramCredentials (key 51) is not served: what it were to keep, nobody
// would look at.
//
// Differs from Kafka: the results come in the order of the request.
func (s *Server) describeUserScramCredentials(c *call, req *kmsg.DescribeUserSCRAMCredentialsRequest) {
	resp := kmsg.NewPtrDescribeUserSCRAMCredentialsResponse()
	named := make(map[string]int, len(req.Users))
	for i := range req.Users {
		named[req.Users[i].Name]++
	}
	for i := range req.Users {
		name := req.Users[i].Name
		err := protocol.Errorf(protocol.ResourceNotFound, "the user has no SCRAM credentials: this broker has no logins yet")
		switch n := named[name]; {
		case n == 0:
			continue // it has its answer
		case n > 1:
			err = protocol.Errorf(protocol.DuplicateResource, "the user is named %d times in one request: name it once", n)
		}
		named[name] = 0
		resp.Results = append(resp.Results, kmsg.DescribeUserSCRAMCredentialsResponseResult{
			User: name, ErrorCode: c.failed(err.Code), ErrorMessage: protocol.MessageOf(err),
		})
	}
	c.answer(resp)
}

// weighScramCredentials is of users of which each has a message, and of their names,
// which stand in the answer, and in what it was encoded to as that grew.
func (s *Server) weighScramCredentials(req *kmsg.DescribeUserSCRAMCredentialsRequest) int {
	n := 0
	for i := range req.Users {
		n += scramWeight + 4*len(req.Users[i].Name)
	}
	return n
}
