package server

import (
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
)

// What clients set and nothing comes of is answered as a success, as Kafka's
// tools expect; the broker's log has it in words.

// done tells the log what a client changed, and who that was.
func (s *Server) done(c *call, what string, fields ...zap.Field) {
	s.log.Info(what, append(fields, zap.String("client", c.header.ClientID), zap.String("host", c.conn.address))...)
}

// configsAltered has names only: a value may be a secret.
func (s *Server) configsAltered(c *call, res cluster.Resource, changes []cluster.ConfigChange) {
	names := make([]string, len(changes))
	for i := range changes {
		names[i] = changes[i].Key
	}
	of := map[cluster.ResourceType]string{cluster.ResourceTopic: "topic", cluster.ResourceBroker: "broker", cluster.ResourceGroup: "group", cluster.ResourceClientMetrics: "client metrics"}[res.Type]
	s.done(c, "configs altered", zap.String("of", of), zap.String("name", res.Name), zap.Strings("configs", names))
}

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
