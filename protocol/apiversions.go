package protocol

import "github.com/twmb/franz-go/pkg/kmsg"

// ApiVersionsVersionMax is the newest version of the question itself that is
// answered in kind.
//
//nolint:revive // Kafka's spelling.
const ApiVersionsVersionMax = 4

// VersionRange is one row of the table of served APIs.
type VersionRange struct {
	Key      Key
	Min, Max int16
}

// Feature is a cluster feature (KIP-584). Clients look at the finalized level:
// it turns on protocol behaviour in them, so name one only when it is built.
type Feature struct {
	Name      string
	Min, Max  int16 // supported
	Finalized int16 // level in force; 0 is none
}

// ApiVersionsResponse answers which APIs are served. A version that this
// server does not know gets a body of version 0 with error 35 and the one row
// that lets the client ask again, as it could read no other.
//
//nolint:revive // Kafka's spelling.
func ApiVersionsResponse(version int16, served []VersionRange, features []Feature) *kmsg.ApiVersionsResponse {
	resp := kmsg.NewPtrApiVersionsResponse()
	if version < 0 || version > ApiVersionsVersionMax {
		resp.ErrorCode = int16(UnsupportedVersion)
		resp.ApiKeys = apiKeys([]VersionRange{{KeyApiVersions, 0, ApiVersionsVersionMax}})
		return resp
	}
	resp.SetVersion(version)
	resp.ApiKeys = apiKeys(served)
	if version < 3 {
		return resp
	}
	resp.FinalizedFeaturesEpoch = 0
	for _, f := range features {
		s := kmsg.NewApiVersionsResponseSupportedFeature()
		s.Name, s.MinVersion, s.MaxVersion = f.Name, f.Min, f.Max
		if version < 4 {
			s.MinVersion = max(s.MinVersion, 1) // Java clients that ask with v3 fail on a minimum of 0
		}
		resp.SupportedFeatures = append(resp.SupportedFeatures, s)
		if f.Finalized == 0 {
			continue
		}
		l := kmsg.NewApiVersionsResponseFinalizedFeature()
		l.Name, l.MinVersionLevel, l.MaxVersionLevel = f.Name, f.Finalized, f.Finalized
		resp.FinalizedFeatures = append(resp.FinalizedFeatures, l)
	}
	return resp
}

func apiKeys(ranges []VersionRange) []kmsg.ApiVersionsResponseApiKey {
	rows := make([]kmsg.ApiVersionsResponseApiKey, len(ranges))
	for i, r := range ranges {
		rows[i].ApiKey, rows[i].MinVersion, rows[i].MaxVersion = int16(r.Key), r.Min, r.Max
	}
	return rows
}
