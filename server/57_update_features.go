package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// UpdateFeatures (key 57), versions 0 to 2.
//
// Versions:
//   - v1: dry runs, and kinds of changes in place of "may be lowered" (KIP-778)
//   - v2: one error for all, no results by feature
//
// Differs from Kafka: a feature can only be set to the level that it has, see
// ApiVersions; a dry run is the same therefore. The first feature that cannot be
// set is the error of the whole answer, as in Kafka.
func (s *Server) updateFeatures(c *call, req *kmsg.UpdateFeaturesRequest) {
	resp := kmsg.NewPtrUpdateFeaturesResponse()
	resp.Results = []kmsg.UpdateFeaturesResponseResult{}
	features := s.features()
	for i := range req.FeatureUpdates {
		u := &req.FeatureUpdates[i]
		if err := settable(features, u, req.Version); err != nil {
			resp.ErrorCode, resp.ErrorMessage, resp.Results = c.failed(err.Code), &err.Message, nil
			break
		}
		resp.Results = append(resp.Results, kmsg.UpdateFeaturesResponseResult{Feature: u.Feature})
	}
	c.answer(resp)
}

// Kinds of changes of a feature: raise, lower where nothing is lost, lower.
const (
	featureRaise       = 1
	featureLowerUnsafe = 3
)

// settable says why a feature cannot be set to a level.
func settable(features []protocol.Feature, u *kmsg.UpdateFeaturesRequestFeatureUpdate, version int16) *protocol.Error {
	i := slices.IndexFunc(features, func(f protocol.Feature) bool { return f.Name == u.Feature })
	switch {
	case i < 0:
		return protocol.Errorf(protocol.InvalidUpdateVersion, "There is no feature %q here; see kafka-features describe for those that there are.", u.Feature)
	case version >= 1 && (u.UpgradeType < featureRaise || u.UpgradeType > featureLowerUnsafe):
		return protocol.Errorf(protocol.InvalidUpdateVersion, "A feature can be raised (1) or lowered (2, 3); there is no change of type %d.", u.UpgradeType)
	case u.MaxVersionLevel != features[i].Finalized:
		return protocol.Errorf(protocol.InvalidUpdateVersion,
			"Feature %s has level %d and cannot be set to %d: here each feature has the last level that is built, and clients of before are served beside it.",
			u.Feature, features[i].Finalized, u.MaxVersionLevel)
	}
	return nil
}
