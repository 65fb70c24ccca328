package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/telemetry"
)

// PushTelemetry (key 72), version 0 (KIP-714).
//
// What a client pushes is kept, and shown by /metrics: see the room telemetry.
//
// Differs from Kafka:
//   - It is served without a plugin, as GetTelemetrySubscriptions is.
//   - A push that would be far larger uncompressed is a TELEMETRY_TOO_LARGE, and one
//     that is not what it should be an INVALID_RECORD; in Kafka both are up to the plugin.
//   - A client that said that it was about to end stays refused.
func (s *Server) pushTelemetry(c *call, req *kmsg.PushTelemetryRequest) {
	resp := kmsg.NewPtrPushTelemetryResponse()
	p := telemetry.Push{
		ID: req.ClientInstanceID, SubscriptionID: req.SubscriptionID, Terminating: req.Terminating,
		Codec: batch.Codec(req.CompressionType), Metrics: req.Metrics,
	}
	err := s.telemetry.Push(&p, c.telemetryClient(), s.clock.Now())
	if err == nil || err.Code != protocol.InvalidRequest {
		c.conn.instance = p.ID
	}
	if err != nil {
		resp.ErrorCode = c.failed(err.Code)
	}
	c.answer(resp)
}
