package cluster

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

func someRecords() []record {
	v := "value"
	id := model.TopicID{1, 2, 3}
	runs := []run{
		{first: 1, count: 3, leader: 1, replicas: []model.BrokerID{1}, isr: []model.BrokerID{1}},
		{first: 4, count: 1, leader: 2, epoch: 5, starts: 6, replicas: []model.BrokerID{2, 1}, isr: []model.BrokerID{2}},
	}
	return []record{
		identityRecord{clusterID: "c", node: 1},
		brokerRecord{id: 1, rack: "r"},
		topicRecord{id: id, name: "t", configs: map[string]string{"b": "2", "a": "1"}, runs: runs},
		partitionsRecord{id: id, runs: []run{{first: 9, count: 2, leader: 1}}},
		configsRecord{Resource{ResourceBroker, "1"}, []ConfigChange{{"k", &v}, {"gone", nil}}},
		producerIDsRecord{next: 5000},
		partitionIDsRecord{next: 20, dropped: idRanges{{1, 3}, {7, 7}}},
		topicDeletedRecord{id: id},
		quotasRecord{
			model.QuotaEntity{User: model.DefaultQuota(), ClientID: model.NamedQuota("c")},
			[]QuotaChange{{Key: "rate", Value: 0.5}, {Key: "gone", Remove: true}},
		},
		snapshotEndRecord{records: 8},
	}
}

func TestRecordsRoundTrip(t *testing.T) {
	var body []byte
	for _, r := range someRecords() {
		body = appendRecord(body, r)
	}
	var again []byte
	if err := decodeRecords(body, func(r record) error {
		again = appendRecord(again, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(body, again) {
		t.Fatalf("\n%x\n%x", body, again)
	}
}

// FuzzRecords feeds bytes to the decoder: no panic, no memory taken for
// claimed lengths, and what is understood is written back alike.
func FuzzRecords(f *testing.F) {
	for _, r := range someRecords() {
		f.Add(appendRecord(nil, r))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d := newDraft(&Image{})
		var understood []record
		err := decodeRecords(body, func(r record) error {
			understood = append(understood, r)
			return nil
		})
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > uint64(200*len(body))+1<<16 {
			t.Fatalf("%d bytes made the decoder take %d", len(body), grown)
		}
		if err != nil {
			return
		}
		for _, r := range understood {
			if again := appendRecord(nil, r); decodeRecords(again, func(record) error { return nil }) != nil {
				t.Fatalf("%#v is not read back", r)
			}
			_ = d.apply(r) // contradictions are errors, never panics
		}
	})
}

// FuzzFile feeds bytes to the scan of a journal.
func FuzzFile(f *testing.F) {
	h := fileHeader{kind: journalFile, generation: 1, salt: 7}
	whole := h.encode()
	for i, r := range someRecords() {
		body := appendRecord(make([]byte, frameHeaderSize), r)
		whole = append(whole, sealFrame(body, h.salt, uint64(i+1), int64(len(whole)))...)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := decodeFileHeader(file, journalFile, 1)
		if err != nil {
			return
		}
		end, err := scanFrames(file, h.salt, func(fr frame) error {
			return decodeRecords(fr.body, func(record) error { return nil })
		})
		if err == nil && (end < fileHeaderSize || end > len(file)) {
			t.Fatalf("%d good bytes of %d", end, len(file))
		}
	})
}

func TestMissingFrameIsCorruption(t *testing.T) {
	h := fileHeader{kind: journalFile, generation: 1, salt: 7}
	for _, c := range []struct {
		numbers []uint64
		corrupt bool
	}{{[]uint64{1, 2, 3}, false}, {[]uint64{1, 3}, true}, {[]uint64{2}, true}} {
		file := h.encode()
		for _, n := range c.numbers {
			body := appendRecord(make([]byte, frameHeaderSize), brokerRecord{id: 1})
			file = append(file, sealFrame(body, h.salt, n, int64(len(file)))...)
		}
		_, err := scanFrames(file, h.salt, func(frame) error { return nil })
		if errors.Is(err, ErrCorrupt) != c.corrupt {
			t.Errorf("frames %v: %v", c.numbers, err)
		}
	}
}

func TestIDRangesAgainstASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := make(map[model.PartitionID]bool)
		var ranges idRanges
		for range rapid.IntRange(0, 30).Draw(t, "adds") {
			from := rapid.Uint32Range(1, 60).Draw(t, "from")
			to := from + rapid.Uint32Range(0, 5).Draw(t, "length")
			ranges = ranges.with(idRange{model.PartitionID(from), model.PartitionID(to)})
			for id := from; id <= to; id++ {
				set[model.PartitionID(id)] = true
			}
		}
		for id := model.PartitionID(0); id < 70; id++ {
			if ranges.contains(id) != set[id] {
				t.Fatalf("%d in %v: %v", id, ranges, ranges.contains(id))
			}
		}
		for i := 1; i < len(ranges); i++ {
			if ranges[i-1].To+1 >= ranges[i].From {
				t.Fatalf("ranges touch: %v", ranges)
			}
		}
	})
}

func TestShardMapVersionsAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m *shardMap[string, int]
		model := map[string]int{}
		type version struct {
			m    *shardMap[string, int]
			want map[string]int
		}
		var versions []version
		for step := range rapid.IntRange(1, 20).Draw(t, "versions") {
			w := writeShards(m, stringShard)
			for range rapid.IntRange(0, 10).Draw(t, "changes") {
				k := rapid.StringMatching(`[a-f]{1,2}`).Draw(t, "key")
				if rapid.Bool().Draw(t, "remove") {
					w.remove(k)
					delete(model, k)
				} else {
					w.set(k, step)
					model[k] = step
				}
			}
			m = w.m
			want := make(map[string]int, len(model))
			for k, v := range model {
				want[k] = v
			}
			versions = append(versions, version{m, want})
		}
		for i, v := range versions {
			if v.m.len() != len(v.want) {
				t.Fatalf("version %d has %d keys, want %d", i, v.m.len(), len(v.want))
			}
			v.m.all(func(k string, n int) bool {
				if v.want[k] != n {
					t.Fatalf("version %d: %s is %d, want %d", i, k, n, v.want[k])
				}
				return true
			})
		}
	})
}
