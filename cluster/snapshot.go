package cluster

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// snapshotFrameBytes is when a snapshot goes on in another frame.
const snapshotFrameBytes = 1 << 20

// snapshotRecords calls f with the records that build img from nothing.
func snapshotRecords(img *Image, f func(record)) {
	f(identityRecord{clusterID: img.ClusterID, node: img.ids.node})
	f(partitionIDsRecord{next: img.ids.nextPartition, dropped: img.ids.dropped})
	f(producerIDsRecord{next: img.ids.nextProducer})
	for _, b := range img.Brokers {
		f(brokerRecord{id: b.ID, rack: b.Rack})
	}
	for _, t := range img.TopicsByName() {
		f(topicRecord{id: t.ID, name: t.Name, internal: t.Internal, configs: t.Configs, runs: toRuns(t.Partitions)})
	}
	configs := func(kind ResourceType, name string, values map[string]string) {
		if len(values) > 0 {
			f(configsRecord{Resource{kind, name}, settingAll(values)})
		}
	}
	configs(ResourceBroker, "", img.BrokerConfigs)
	for _, id := range slices.Sorted(maps.Keys(img.NodeConfigs)) {
		configs(ResourceBroker, strconv.Itoa(int(id)), img.NodeConfigs[id])
	}
	for _, name := range slices.Sorted(maps.Keys(img.GroupConfigs)) {
		configs(ResourceGroup, name, img.GroupConfigs[name])
	}
	for _, name := range slices.Sorted(maps.Keys(img.ClientMetrics)) {
		configs(ResourceClientMetrics, name, img.ClientMetrics[name])
	}
	for _, e := range slices.SortedFunc(maps.Keys(img.Quotas), compareEntities) {
		f(quotasRecord{e, settingQuotas(img.Quotas[e])})
	}
}

// compareEntities is an order, so that equal state has equal bytes.
func compareEntities(a, b model.QuotaEntity) int {
	return bytes.Compare(putQuotaName(putQuotaName(nil, a.User), a.ClientID), putQuotaName(putQuotaName(nil, b.User), b.ClientID))
}

func settingAll(values map[string]string) []ConfigChange {
	changes := make([]ConfigChange, 0, len(values))
	for _, k := range slices.Sorted(maps.Keys(values)) {
		v := values[k]
		changes = append(changes, ConfigChange{Key: k, Value: &v})
	}
	return changes
}

// encodeSnapshot is the whole content of a snapshot file.
func encodeSnapshot(generation uint64, img *Image) []byte {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails since Go 1.24
	h := fileHeader{kind: snapshotFile, generation: generation, salt: binary.LittleEndian.Uint64(random[:])}
	out := h.encode()
	body := make([]byte, frameHeaderSize)
	var frames, records uint64
	seal := func() {
		frames++
		out = append(out, sealFrame(body, h.salt, frames, int64(len(out)))...)
		body = make([]byte, frameHeaderSize)
	}
	snapshotRecords(img, func(r record) {
		body = appendRecord(body, r)
		records++
		if len(body) > snapshotFrameBytes {
			seal()
		}
	})
	body = appendRecord(body, snapshotEndRecord{records: records})
	seal()
	return out
}

// writeSnapshot makes a snapshot durable under its name and returns its size.
func (f *files) writeSnapshot(generation uint64, img *Image) (int64, error) {
	content := encodeSnapshot(generation, img)
	file, err := f.writeFile(snapshotName(generation), content)
	if err != nil {
		return 0, err
	}
	if err := file.Close(); err != nil {
		return 0, fmt.Errorf("%w: close %s: %w", errUnsynced, f.path(snapshotName(generation)), err)
	}
	return int64(len(content)), nil
}

// decodeSnapshot plays a snapshot file onto an empty draft.
func decodeSnapshot(content []byte, generation uint64) (*draft, error) {
	h, err := decodeFileHeader(content, snapshotFile, generation)
	if err != nil {
		return nil, err
	}
	d := newDraft(&Image{Controller: model.BrokerID(-1)})
	d.anyOrder = true
	var records uint64
	ended := false
	end, err := scanFrames(content, h.salt, func(fr frame) error {
		return decodeRecords(fr.body, func(r record) error {
			if ended {
				return fmt.Errorf("%w: records behind the end of the snapshot", ErrCorrupt)
			}
			if last, ok := r.(snapshotEndRecord); ok {
				ended = true
				if last.records != records {
					return fmt.Errorf("%w: %d records where the snapshot says %d", ErrCorrupt, records, last.records)
				}
				return nil
			}
			records++
			return d.apply(r)
		})
	})
	switch {
	case err != nil:
		return nil, err
	case end != len(content):
		return nil, fmt.Errorf("%w: bad bytes at %d", ErrCorrupt, end)
	case !ended:
		return nil, fmt.Errorf("%w: the snapshot is cut short", ErrCorrupt)
	case d.img.ClusterID == "":
		return nil, fmt.Errorf("%w: the snapshot names no cluster", ErrCorrupt)
	}
	d.anyOrder = false
	return d, nil
}
