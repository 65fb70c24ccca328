package harness

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// API is a request's key that not every broker has.
type API int16

const (
	// ConsumerGroupHeartbeat is what the consumer protocol (KIP-848) is made of.
	ConsumerGroupHeartbeat API = 68
	// AddPartitionsToTxn is of the APIs of transactions (KIP-98).
	AddPartitionsToTxn API = 24
)

func (a API) String() string { return kmsg.NameForKey(int16(a)) }

// Advertises tells whether a broker's ApiVersions name an API.
func Advertises(addr string, api API) (bool, error) {
	const most = 10 * time.Second
	c, err := Dial(addr, most)
	if err != nil {
		return false, err
	}
	defer c.Close()
	req := kmsg.NewPtrApiVersionsRequest()
	req.SetVersion(0)
	answer, err := c.Ask(req, most)
	if err != nil {
		return false, err
	}
	resp, ok := answer.(*kmsg.ApiVersionsResponse)
	if !ok {
		return false, fmt.Errorf("the answer to ApiVersions is a %T", answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return false, fmt.Errorf("ApiVersions: %w", err)
	}
	return slices.ContainsFunc(resp.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool { return k.ApiKey == int16(api) }), nil
}
