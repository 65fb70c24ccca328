package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// importTag is the tagged field of a Produce request that an importer sends: its value
// is the name of the source. The records of such a request have their offsets already,
// and may be several batches for each partition. docs/decisions/0015 has the reasons.
const importTag = 19795

// importedFrom is what an importer says that the records of a request are of; "" for
// all other requests.
func importedFrom(req *kmsg.ProduceRequest) (source string, err *protocol.Error) {
	if req.UnknownTags.Len() == 0 {
		return "", nil // as nearly all
	}
	found := false
	req.UnknownTags.Each(func(tag uint32, value []byte) {
		if tag == importTag {
			source, found = string(value), true
		}
	})
	switch {
	case !found:
		return "", nil
	case source == "":
		return "", protocol.Errorf(protocol.InvalidRequest, "an import does not say of what")
	case req.TransactionID != nil:
		return "", protocol.Errorf(protocol.InvalidRequest, "an import is no part of a transaction")
	}
	return source, nil
}
