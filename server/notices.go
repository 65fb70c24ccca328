package server

import (
	"slices"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
)

// What clients set and nothing comes of is answered as a success, as Kafka's
// tools expect; the broker's log has it in words.

// noteConfigs tells of changed configs without effect.
func (s *Server) noteConfigs(res cluster.Resource, changes []cluster.ConfigChange) {
	for _, c := range changes {
		if c.Value == nil {
			continue
		}
		compacts := slices.Contains(cluster.ParseList(*c.Value), "compact")
		switch {
		case res.Type == cluster.ResourceTopic && c.Key == "cleanup.policy" && compacts:
			s.noteCompact(zap.String("topic", res.Name))
		case res.Type == cluster.ResourceBroker && c.Key == "log.cleanup.policy" && compacts:
			s.noteCompact(zap.String("broker_config", c.Key))
		case res.Type == cluster.ResourceBroker:
			if d, ok := cluster.BrokerConfigDef(c.Key); ok {
				if text := d.WithoutEffect(*c.Value); text != "" {
					s.limitedWarn(text, zap.String("value", *c.Value))
				}
			}
		}
	}
}

// noteTopic tells of a new topic that hopes for what is not built.
func (s *Server) noteTopic(img *cluster.Image, t *cluster.Topic) {
	if !t.Internal && s.configs.TopicSettings(img, t).Compact {
		s.noteCompact(zap.String("topic", t.Name))
	}
}

func (s *Server) noteCompact(of zap.Field) {
	s.limitedWarn(cluster.NotCompacting, of)
}
