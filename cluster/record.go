package cluster

import (
	"encoding/binary"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// recordKind says what a metadata record does. The numbers are on disk: never
// change one. A kind that this build does not know means a newer build wrote
// the file.
type recordKind uint8

// The kinds, with their payloads in order.
const (
	kindIdentity     recordKind = 1 // cluster id string, node id
	kindBroker       recordKind = 2 // broker id, rack string
	kindTopic        recordKind = 3 // topic id (16 bytes), name string, internal bool, configs map, runs
	kindTopicDeleted recordKind = 4 // topic id: gone, its partition ids are dropped for ever
	kindPartitions   recordKind = 5 // topic id, runs: partitions behind those that the topic has
	// Resource type, resource name string, count, then for each change its key
	// string, a bool that says whether it sets, and the value string if it does.
	kindConfigs     recordKind = 6
	kindProducerIDs recordKind = 7 // the lowest producer id that nobody has been given
	// In snapshots only, as a journal implies it: next partition id, count, then
	// from and to of each dropped range.
	kindPartitionIDs recordKind = 8
	kindSnapshotEnd  recordKind = 9 // in snapshots only, at the end: number of records before it
	// The names of a user and of a client id, each a bool that says whether there is
	// one, another that says whether it is the default's, and the name string if
	// not; count, then for each change its key string, a bool that says whether it
	// sets, and the value (8 bytes of IEEE 754, big-endian) if it does.
	kindQuotas recordKind = 10
)

// A record in a frame is its length (uvarint), its kind (a byte), its payload.
// Records are set-valued: a topic is one record with all its partitions, a
// resource's configs are one record.
type record interface {
	kind() recordKind
	encode(b []byte) []byte
	apply(d *draft) error
}

// appendRecord adds one record to a frame's body.
func appendRecord(b []byte, r record) []byte {
	payload := r.encode(make([]byte, 0, 64))
	b = binary.AppendUvarint(b, uint64(len(payload))+1)
	b = append(b, byte(r.kind()))
	return append(b, payload...)
}

// decodeRecords reads a frame's body and calls f for each record.
func decodeRecords(body []byte, f func(record) error) error {
	for len(body) > 0 {
		n, w := binary.Uvarint(body)
		if w <= 0 || n == 0 || n > uint64(len(body)-w) {
			return fmt.Errorf("%w: bad length", errRecord)
		}
		r, err := decodeRecord(recordKind(body[w]), body[w+1:w+int(n)])
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
		body = body[w+int(n):]
	}
	return nil
}

// ErrNewerFormat is what a file wraps that a newer build wrote.
var ErrNewerFormat = fmt.Errorf("the metadata was written by a newer version of mainstem")

func decodeRecord(k recordKind, payload []byte) (record, error) {
	d := &decoder{b: payload}
	var r record
	switch k {
	case kindIdentity:
		r = identityRecord{clusterID: d.string(), node: d.broker()}
	case kindBroker:
		r = brokerRecord{id: d.broker(), rack: d.string()}
	case kindTopic:
		r = topicRecord{id: d.topicID(), name: d.string(), internal: d.bool(), configs: d.strings(), runs: d.runs()}
	case kindTopicDeleted:
		r = topicDeletedRecord{id: d.topicID()}
	case kindPartitions:
		r = partitionsRecord{id: d.topicID(), runs: d.runs()}
	case kindConfigs:
		r = decodeConfigs(d)
	case kindProducerIDs:
		r = producerIDsRecord{next: model.ProducerID(d.int(0, maxInt64))}
	case kindPartitionIDs:
		r = decodePartitionIDs(d)
	case kindSnapshotEnd:
		r = snapshotEndRecord{records: d.uvarint(maxInt64)}
	case kindQuotas:
		r = decodeQuotas(d)
	default:
		return nil, fmt.Errorf("record of the unknown kind %d: %w", k, ErrNewerFormat)
	}
	if d.err != nil {
		return nil, fmt.Errorf("record kind %d: %w", k, d.err)
	}
	if len(d.b) > 0 {
		return nil, fmt.Errorf("record kind %d: %w: %d bytes too many", k, errRecord, len(d.b))
	}
	return r, nil
}

// identityRecord says whose metadata this is.
type identityRecord struct {
	clusterID string
	node      model.BrokerID
}

func (identityRecord) kind() recordKind { return kindIdentity }

func (r identityRecord) encode(b []byte) []byte {
	return putInt(putString(b, r.clusterID), int64(r.node))
}

// brokerRecord registers a broker, or changes its rack.
type brokerRecord struct {
	id   model.BrokerID
	rack string
}

func (brokerRecord) kind() recordKind { return kindBroker }

func (r brokerRecord) encode(b []byte) []byte { return putString(putInt(b, int64(r.id)), r.rack) }

// configsRecord sets or removes config values of one resource.
type configsRecord struct {
	resource Resource
	changes  []ConfigChange
}

func (configsRecord) kind() recordKind { return kindConfigs }

func (r configsRecord) encode(b []byte) []byte {
	b = putString(putInt(b, int64(r.resource.Type)), r.resource.Name)
	b = binary.AppendUvarint(b, uint64(len(r.changes)))
	for _, c := range r.changes {
		b = putBool(putString(b, c.Key), c.Value != nil)
		if c.Value != nil {
			b = putString(b, *c.Value)
		}
	}
	return b
}

func decodeConfigs(d *decoder) record {
	r := configsRecord{resource: Resource{Type: ResourceType(d.int(-128, 127)), Name: d.string()}}
	n := d.length(2)
	for range n {
		c := ConfigChange{Key: d.string()}
		if d.bool() {
			v := d.string()
			c.Value = &v
		}
		if d.err != nil {
			break
		}
		r.changes = append(r.changes, c)
	}
	return r
}

// producerIDsRecord moves the next free producer id up.
type producerIDsRecord struct{ next model.ProducerID }

func (producerIDsRecord) kind() recordKind { return kindProducerIDs }

func (r producerIDsRecord) encode(b []byte) []byte { return putInt(b, int64(r.next)) }

// snapshotEndRecord proves that a snapshot is whole.
type snapshotEndRecord struct{ records uint64 }

func (snapshotEndRecord) kind() recordKind { return kindSnapshotEnd }

func (r snapshotEndRecord) encode(b []byte) []byte { return binary.AppendUvarint(b, r.records) }
