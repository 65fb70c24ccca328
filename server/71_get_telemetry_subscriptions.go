package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// GetTelemetrySubscriptions (key 71), version 0 (KIP-714).
//
// A client learns which metrics it should push, how often and how large, and who it
// is: its instance id.
//
// Differs from Kafka:
//   - It is served without a plugin. Kafka advertises it with one alone.
//   - Counters are wanted as they stand, not as what was added: a push that is lost
//     loses nothing then, and prometheus wants them so.
//   - All metrics are asked for by an empty prefix, as the protocol has it; Kafka sends
//     the star of its configuration, which not all clients know.
//   - An interval of more than five minutes is as long as it was set; Kafka takes five
//     minutes for it.
func (s *Server) getTelemetrySubscriptions(c *call, req *kmsg.GetTelemetrySubscriptionsRequest) {
	resp := kmsg.NewPtrGetTelemetrySubscriptionsResponse()
	offer, err := s.telemetry.Get(req.ClientInstanceID, c.telemetryClient(), s.clock.Now())
	if err != nil {
		resp.ErrorCode = c.failed(err.Code)
		c.answer(resp)
		return
	}
	c.conn.instance = offer.ID
	resp.ClientInstanceID, resp.SubscriptionID, resp.RequestedMetrics = offer.ID, offer.SubscriptionID, offer.Metrics
	resp.PushIntervalMillis, resp.TelemetryMaxBytes = millis(offer.Interval), int32(offer.BytesMax)
	resp.AcceptedCompressionTypes = mapped(offer.Codecs, func(c batch.Codec) int8 { return int8(c) })
	c.answer(resp)
}

// weighTelemetrySubscriptions is what all prefixes of all subscriptions take: nobody
// knows yet which of them the client matches.
func (s *Server) weighTelemetrySubscriptions(*kmsg.GetTelemetrySubscriptionsRequest) int {
	const each = 16 // of a prefix, which has a byte and a comma at least
	n := 0
	for _, set := range s.meta.Image().ClientMetrics {
		for _, value := range set {
			n += each * len(value)
		}
	}
	return n
}
