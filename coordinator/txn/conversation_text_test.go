package txn

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/shard/shardtest"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// arguments are those of a command about transactions.
type arguments struct{ shardtest.Arguments }

func argumentsOf(t *testing.T, d *datadriven.TestData) arguments {
	return arguments{shardtest.Arguments{T: t, D: d}}
}

func (a arguments) producer(name string) Producer {
	v := a.List(name)
	if len(v) == 0 {
		return nobody()
	}
	var p Producer
	if _, err := fmt.Sscanf(v[0], "%d/%d", &p.ID, &p.Epoch); err != nil {
		a.D.Fatalf(a.T, "%s: %v", name, err)
	}
	return p
}

func (a arguments) partitions() []model.TopicPartition {
	var parts []model.TopicPartition
	for _, v := range a.List("parts") {
		first, last, several := strings.Cut(v, "..")
		p := a.partition(first)
		parts = append(parts, p)
		if !several {
			continue
		}
		for n := p.Partition + 1; n <= a.partition("x-"+last).Partition; n++ {
			parts = append(parts, tp(p.Topic, n))
		}
	}
	return parts
}

// partition reads TOPIC-NUMBER.
func (a arguments) partition(text string) model.TopicPartition {
	at := strings.LastIndexByte(text, '-')
	n, err := strconv.Atoi(text[at+1:])
	if at < 0 || err != nil {
		a.D.Fatalf(a.T, "%s is no partition", text)
	}
	return tp(shardtest.Strange(text[:at]), int32(n))
}

func partitionsText(parts []model.TopicPartition) string {
	if len(parts) > 20 {
		return fmt.Sprintf(" %d partitions", len(parts))
	}
	text := ""
	for _, p := range parts {
		text += fmt.Sprintf(" %s-%d", p.Topic, p.Partition)
	}
	return text
}

func codeText(code protocol.ErrorCode) string {
	if code == protocol.NoError {
		return "ok"
	}
	return code.String()
}

func producerText(p Producer) string { return fmt.Sprintf("%d/%d", p.ID, p.Epoch) }

// request sends what a command says.
func (c *conversation) request(a arguments) {
	c.requests++
	tag, cmd := fmt.Sprintf("#%d", c.requests), a.D.Cmd
	c.open.Ask(tag)
	answer := func(format string, args ...any) {
		if !c.open.Answer(tag) {
			c.lines.Say("%s is answered twice", tag)
		}
		c.lines.Say("%s %s: %s", tag, cmd, fmt.Sprintf(format, args...))
	}
	id := a.Text("id", "i")
	switch a.D.Cmd {
	case "init":
		c.initProducer(a, id, answer)
	case "add":
		c.txns.AddPartitions(id, a.producer("p"), a.partitions(), a.Number("tv", 2) >= 2, func(code protocol.ErrorCode, _ string) {
			answer("%s", codeText(code))
		})
	case "verify":
		parts := a.partitions()
		c.txns.Verify(id, a.producer("p"), parts, func(codes []protocol.ErrorCode, _ string) {
			text := make([]string, len(parts))
			for i, code := range codes {
				text[i] = fmt.Sprintf("%s-%d:%s", parts[i].Topic, parts[i].Partition, codeText(code))
			}
			answer("%s", strings.Join(text, " "))
		})
	case "commit", "abort":
		req := kmsg.NewPtrEndTxnRequest()
		who := a.producer("p")
		req.Version, req.TransactionalID, req.Commit = int16(a.Number("v", 5)), id, a.D.Cmd == "commit"
		req.ProducerID, req.ProducerEpoch = int64(who.ID), int16(who.Epoch)
		c.txns.EndTxn(req, func(r *kmsg.EndTxnResponse) {
			answer("%s", identityText(r.ErrorCode, r.ProducerID, r.ProducerEpoch))
		})
	case "kill":
		c.txns.Abort(id, a.Number("start", AnyStart), Caller{ClientID: "tool"}, func(code protocol.ErrorCode) { answer("%s", codeText(code)) })
	case "list":
		c.list(a, answer)
	case "describe":
		req := kmsg.NewPtrDescribeTransactionsRequest()
		req.TransactionalIDs = a.List("ids")
		c.txns.Describe(req, func(r *kmsg.DescribeTransactionsResponse) { answer("%s", describeText(r)) })
	case "look":
		c.txns.Look(id, func(v View, code protocol.ErrorCode) {
			if code != protocol.NoError {
				answer("%s", codeText(code))
				return
			}
			answer("%s client=%s %s", viewText(&v), v.Client.ClientID, lastText(&v))
		})
	case "inspect":
		c.txns.Inspect(c.filter(a), func(views []View, code protocol.ErrorCode) {
			text := codeText(code)
			for i := range views {
				text += "\n  " + viewText(&views[i])
			}
			answer("%s", text)
		})
	default:
		a.D.Fatalf(a.T, "%s?", a.D.Cmd)
	}
}

func (c *conversation) initProducer(a arguments, id string, answer func(string, ...any)) {
	req := kmsg.NewPtrInitProducerIDRequest()
	who := a.producer("p")
	req.Version, req.TransactionalID = int16(a.Number("v", 5)), &id
	req.TransactionTimeoutMillis = int32(a.Span("timeout", time.Minute).Milliseconds())
	req.ProducerID, req.ProducerEpoch = int64(who.ID), int16(who.Epoch)
	c.txns.InitProducerID(req, Caller{ClientID: a.Text("client", "")}, func(r *kmsg.InitProducerIDResponse) {
		answer("%s", identityText(r.ErrorCode, r.ProducerID, r.ProducerEpoch))
	})
}

func (c *conversation) list(a arguments, answer func(string, ...any)) {
	req := kmsg.NewPtrListTransactionsRequest()
	req.Version, req.StateFilters = int16(a.Number("v", 2)), a.List("states")
	for _, v := range a.List("producers") {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			a.D.Fatalf(a.T, "%v", err)
		}
		req.ProducerIDFilters = append(req.ProducerIDFilters, n)
	}
	req.DurationFilterMillis = a.Span("longer", -time.Millisecond).Milliseconds()
	c.txns.List(req, func(r *kmsg.ListTransactionsResponse) {
		text := codeText(protocol.ErrorCode(r.ErrorCode))
		for _, s := range r.TransactionStates {
			text += fmt.Sprintf(" [%s %d %s]", s.TransactionalID, s.ProducerID, s.TransactionState)
		}
		if len(r.UnknownStateFilters) > 0 {
			text += fmt.Sprintf(" unknown=%v", r.UnknownStateFilters)
		}
		answer("%s", text)
	})
}

func identityText(code int16, id int64, epoch int16) string {
	text := codeText(protocol.ErrorCode(code))
	if id != -1 || epoch != -1 {
		text += fmt.Sprintf(" %d/%d", id, epoch)
	}
	return text
}

func describeText(r *kmsg.DescribeTransactionsResponse) string {
	text := ""
	for _, s := range r.TransactionStates {
		text += fmt.Sprintf("\n  %q %s", s.TransactionalID, codeText(protocol.ErrorCode(s.ErrorCode)))
		if s.ErrorCode == 0 {
			text += fmt.Sprintf(" %s %d/%d timeout=%d start=%d", s.State, s.ProducerID, s.ProducerEpoch, s.TimeoutMillis, s.StartTimestamp)
		}
		for _, t := range s.Topics {
			text += fmt.Sprintf(" %s%v", t.Topic, t.Partitions)
		}
	}
	return text
}

func viewText(v *View) string {
	text := fmt.Sprintf("%s %s %s timeout=%d start=%d updated=%d", v.ID, v.State, producerText(v.Producer), v.Timeout, v.Start, v.Updated)
	if v.Unmarked > 0 || v.Waiting > 0 {
		text += fmt.Sprintf(" unmarked=%d waiting=%d", v.Unmarked, v.Waiting)
	}
	return text + partitionsText(v.Partitions)
}

// lastText is how the last transaction of an id ended.
func lastText(v *View) string {
	switch {
	case v.Last == nil && v.Whole:
		return "last=none"
	case v.Last == nil:
		return "last=?"
	}
	text := "last=abort"
	if v.Last.Commit {
		text = "last=commit"
	}
	return fmt.Sprintf("%s at=%d by %s %s", text, v.Last.At, v.Last.Why, v.Last.By.ClientID)
}

func recordText(r shard.Record) string {
	id, ok, err := readKey(r.Key)
	if err != nil || !ok {
		return fmt.Sprintf("key %q: %v", r.Key, err)
	}
	if r.Value == nil {
		return fmt.Sprintf("%s deleted", id)
	}
	v, _, err := readValue(r.Value)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%s %s %s", id, v.state, producerText(v.who()))
	if v.previous != v.producer {
		text += fmt.Sprintf(" was=%d", v.previous)
	}
	if v.next != noProducer {
		text += fmt.Sprintf(" next=%d", v.next)
	}
	text += fmt.Sprintf(" timeout=%d", v.timeout)
	if v.start != noTime {
		text += fmt.Sprintf(" start=%d", v.start)
	}
	text += fmt.Sprintf(" updated=%d", v.updated)
	if v.client != 0 {
		text += fmt.Sprintf(" tv=%d", v.client)
	}
	return text + partitionsText(v.partitions.each())
}

func eventText(e Event) string {
	text := e.Kind.String()
	if e.ID != "" {
		text += fmt.Sprintf(" id=%s producer=%s", e.ID, producerText(e.Producer))
		if e.Kind != Replaced && e.Kind != Refused {
			text += fmt.Sprintf(" partitions=%d age=%v", e.Partitions, e.Age)
		}
	}
	if e.Left != 0 {
		text += fmt.Sprintf(" left=%v", e.Left)
	}
	if e.Owner.ClientID != "" {
		text += " owner=" + e.Owner.ClientID
	}
	if e.Client.ClientID != "" {
		text += " client=" + e.Client.ClientID
	}
	if e.Topic != "" {
		text += fmt.Sprintf(" partition=%s-%d", e.Topic, e.Partition)
	}
	if e.Code != protocol.NoError {
		text += fmt.Sprintf(" code=%s reason=%q", e.Code, e.Reason)
	}
	if e.Kind == ShardLoaded {
		text += fmt.Sprintf(" ids=%d redone=%d", e.IDs, e.Count)
	} else if e.Count > 0 {
		text += fmt.Sprintf(" count=%d", e.Count)
	}
	if len(e.Names) > 0 {
		text += fmt.Sprintf(" %v", e.Names)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func metricsText(m Metrics) string {
	text := fmt.Sprintf("loaded=%d", m.ShardsLoaded)
	for state := range stateCount {
		if m.IDs[state] > 0 {
			text += fmt.Sprintf(" %s=%d", state, m.IDs[state])
		}
	}
	for result := range resultCount {
		if m.Ended[result] > 0 {
			text += fmt.Sprintf(" ended-%s=%d", result, m.Ended[result])
		}
	}
	for _, code := range verifiable {
		if m.Verified[code] > 0 {
			text += fmt.Sprintf(" verified-%s=%d", codeText(code), m.Verified[code])
		}
	}
	if m.Fenced > 0 {
		text += fmt.Sprintf(" fenced=%d", m.Fenced)
	}
	if m.Retried > 0 {
		text += fmt.Sprintf(" retried=%d", m.Retried)
	}
	if !m.Oldest.IsZero() {
		text += fmt.Sprintf(" oldest=%d", m.Oldest.UnixMilli())
	}
	return text
}

// filter is that of an inspect: of all ids, or of those in some states.
func (c *conversation) filter(a arguments) Filter {
	f := Filter{LongerMs: -1}
	for _, name := range a.List("states") {
		state, known := stateNamed(name)
		if !known {
			a.D.Fatalf(a.T, "%s?", name)
		}
		f.States = append(f.States, state)
	}
	return f
}
