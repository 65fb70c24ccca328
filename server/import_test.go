package server_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

const (
	importTag    = 19795
	importConfig = "mainstem.import.source"
)

// importRequest asks to append batches of a source.
func importRequest(topic, source string, records []byte) *kmsg.ProduceRequest {
	req := produceRequest(topic, 0, -1, records)
	req.UnknownTags.Set(importTag, []byte(source))
	return req
}

// importedBatch has one record for each value, and takes the offsets up to end.
func importedBatch(tb testing.TB, base, end int64, values ...string) []byte {
	tb.Helper()
	b := batchOf(tb, values...)
	batch.SetBaseOffset(b, model.Offset(base))
	h, err := batch.Parse(b)
	must(tb, err)
	must(tb, batch.Widen(b, &h, model.Offset(end)))
	return b
}

// TestImport: an importer gives the offsets, of a topic that was made for it, and nobody
// else does; a real client reads them, fillers and gaps and all.
func TestImport(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("copy", 1, importConfig, "a/b", "cleanup.policy", "compact")
	c.createTopic("plain", 1)
	told := func(req *kmsg.ProduceRequest) (protocol.ErrorCode, string) {
		p := ask[*kmsg.ProduceResponse](c, 9, req).Topics[0].Partitions[0]
		text := ""
		if p.ErrorMessage != nil {
			text = *p.ErrorMessage
		}
		return protocol.ErrorCode(p.ErrorCode), text
	}
	first := slices.Concat(batch.AppendFiller(nil, 0, 100, 0), importedBatch(t, 100, 110, "one", "two"), importedBatch(t, 110, 200, "three"))
	inTransaction := importRequest("copy", "a/b", first)
	inTransaction.TransactionID = new(string)
	for _, x := range []struct {
		name string
		req  *kmsg.ProduceRequest
		code protocol.ErrorCode
		says string
	}{
		{"a producer", produceRequest("copy", 0, -1, batchOf(t, "x")), protocol.PolicyViolation, "a/b"},
		{"another source", importRequest("copy", "a/c", first), protocol.PolicyViolation, "a/c"},
		{"no source", importRequest("copy", "", first), protocol.InvalidRequest, "of what"},
		{"a transaction", inTransaction, protocol.InvalidRequest, "transaction"},
		{"no import", importRequest("plain", "a/b", first), protocol.PolicyViolation, importConfig},
		{"import", importRequest("copy", "a/b", slices.Clone(first)), 0, ""},
		{"the same again", importRequest("copy", "a/b", first), protocol.OffsetOutOfRange, "ends at 200"},
	} {
		if code, text := told(x.req); code != x.code || !strings.Contains(text, x.says) {
			t.Errorf("%s: %v, %q", x.name, code, text)
		}
	}
	alter := func(topic string, op kmsg.IncrementalAlterConfigOp, value *string) protocol.ErrorCode {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
			ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: topic,
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: importConfig, Op: op, Value: value}},
		}}
		return protocol.ErrorCode(ask[*kmsg.IncrementalAlterConfigsResponse](c, 1, req).Resources[0].ErrorCode)
	}
	other := "other"
	for _, topic := range []string{"copy", "plain"} {
		if code := alter(topic, kmsg.IncrementalAlterConfigOpSet, &other); code != protocol.InvalidConfig {
			t.Errorf("topic %s: %v", topic, code)
		}
	}
	if shownConfig(c, "copy") != "a/b" || shownConfig(c, "plain") != "" {
		t.Errorf("shown: %q and %q", shownConfig(c, "copy"), shownConfig(c, "plain"))
	}
	if code := alter("copy", kmsg.IncrementalAlterConfigOpDelete, nil); code != 0 {
		t.Errorf("the end: %v", code)
	}
	if code, _ := told(importRequest("copy", "a/b", importedBatch(t, 200, 201, "x"))); code != protocol.PolicyViolation {
		t.Errorf("after the end: %v", code)
	}
	if p := c.produce("copy", 0, "four"); p.ErrorCode != 0 || p.BaseOffset != 200 {
		t.Errorf("a producer after the end: %+v", p)
	}
	for _, from := range []int64{0, 50, 100, 105} {
		want := map[int64]string{100: "one", 101: "two", 110: "three", 200: "four"}
		for o := range want {
			if o < from {
				delete(want, o)
			}
		}
		client := newKgo(t, b, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"copy": {0: kgo.NewOffset().At(from)}}))
		for len(want) > 0 {
			for _, r := range client.PollFetches(t.Context()).Records() {
				if want[r.Offset] != string(r.Value) {
					t.Fatalf("from %d: %q at %d", from, r.Value, r.Offset)
				}
				delete(want, r.Offset)
			}
		}
	}
}

// shownConfig is the source that DescribeConfigs shows of a topic; "" if none is listed.
func shownConfig(c *client, topic string) (value string) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: topic}}
	for _, x := range ask[*kmsg.DescribeConfigsResponse](c, 4, req).Resources[0].Configs {
		if x.Name == importConfig {
			value = cmp.Or(*x.Value, "set and empty")
		}
	}
	return value
}
