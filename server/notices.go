package server

import (
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
)

// What clients set and nothing comes of is answered as a success, as Kafka's
// tools expect; the broker's log has it in words.

// noteConfigs tells of changed configs without effect.
func (s *Server) noteConfigs(res cluster.Resource, changes []cluster.ConfigChange) {
	if res.Type != cluster.ResourceBroker {
		return
	}
	for _, c := range changes {
		if c.Value == nil {
			continue
		}
		if d, ok := cluster.BrokerConfigDef(c.Key); ok {
			if text := d.WithoutEffect(*c.Value); text != "" {
				s.limitedWarn(text, zap.String("value", *c.Value))
			}
		}
	}
}
