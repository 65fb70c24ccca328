package behaviour

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// mask says how a field that may differ between brokers is shown.
type mask int

const (
	hidden     mask = iota + 1 // Not at all.
	id                         // By its saved name, else <id>; none stays as it is.
	node                       // <node>; -1 stays.
	moment                     // T+n for times a conversation set, else <time>; negative stays.
	some                       // <some> unless zero.
	leadership                 // $leaderepoch if it is the saved one, else as it is.
)

// masks are by field name, or by the name with its struct's where that is another thing.
var masks = map[string]mask{
	"Version": hidden, "UnknownTags": hidden, "ThrottleMillis": hidden,
	"ErrorMessage": hidden, "Message": hidden, "ClusterID": hidden, "TimeoutMillis": hidden,
	"TopicID": id, "MemberID": id, "LeaderID": id, "ProducerID": id, "SessionID": id,
	"ClientInstanceID": id, "SubscriptionID": some,
	"NodeID": node, "Leader": node, "ControllerID": node, "Broker": node,
	"Replicas": node, "ISR": node, "Host": some, "Port": some, "Rack": hidden,
	"ClientHost": some, "Dir": some, "Size": some, "TotalBytes": some, "UsableBytes": some,
	"Timestamp": moment, "LogAppendTime": moment, "StartTimestamp": moment, "LastTimestamp": moment,
	"Documentation": some, "FinalizedFeaturesEpoch": hidden,
	"DeltaTemporality": hidden, // each broker wants what its receiver of metrics can use

	"ProduceResponseTopicPartitionCurrentLeader.LeaderID": node, "FetchResponseTopicPartitionCurrentLeader.LeaderID": node,
	"LeaderEpoch": leadership, "FetchResponseTopicPartitionDivergingEpoch.Epoch": leadership,
	// How far a quorum has come, and when, is each broker's own.
	"ReplicaID": node, "ReplicaDirectoryID": some, "LastFetchTimestamp": moment, "LastCaughtUpTimestamp": moment,
	"DescribeQuorumResponseTopicPartition.LeaderID": node, "DescribeQuorumResponseTopicPartition.LeaderEpoch": hidden,
	"DescribeQuorumResponseTopicPartition.HighWatermark": some, "DescribeQuorumResponseTopicPartitionReplicaState.LogEndOffset": some,
	"DescribeQuorumResponseNode.Listeners": hidden,
}

// maskOf is how the field of a struct is shown.
func maskOf(t reflect.Type, field string) mask {
	if m, ok := masks[t.Name()+"."+field]; ok {
		return m
	}
	return masks[field]
}

// printer writes a response as indented text, one field a line. Fields at
// their defaults are left out, but for error codes: a broker that fills one
// shows a line more.
type printer struct {
	w   *talk
	out strings.Builder
}

func (w *talk) show(resp kmsg.Response) string {
	p := &printer{w: w}
	p.fields(reflect.ValueOf(resp).Elem(), 0)
	if p.out.Len() == 0 {
		return "(all fields at their defaults)\n"
	}
	return p.out.String()
}

func (p *printer) fields(v reflect.Value, depth int) {
	plain := reflect.New(v.Type()).Elem()
	setDefaults(plain)
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		m := maskOf(v.Type(), name)
		if c := v.FieldByName("Name"); name == "Value" && c.IsValid() && c.Kind() == reflect.String && ownDefault(c.String()) {
			m = hidden
		}
		if code := v.FieldByName("ErrorCode"); code.IsValid() && code.Int() != 0 &&
			(name == "LogStartOffset" || (f.Kind() == reflect.Slice && f.Len() == 0)) {
			// Beside an error Kafka fills these or not, and null or empty,
			// as its code happens to go.
			m = hidden
		}
		if name == "LogAppendTime" && strings.HasPrefix(p.w.moment(f.Int()), "T") {
			// Kafka answers a duplicate with its own timestamp here.
			m = hidden
		}
		if m == hidden || (name != "ErrorCode" && reflect.DeepEqual(f.Interface(), plain.Field(i).Interface())) {
			continue
		}
		p.field(name, f, m, depth)
	}
}

// ownDefault tells configs whose default is Mainstem's own: it syncs before it
// acknowledges.
func ownDefault(config string) bool {
	switch config {
	case "flush.messages", "flush.ms", "log.flush.interval.messages", "log.flush.interval.ms":
		return true
	}
	return false
}

func (p *printer) field(name string, f reflect.Value, m mask, depth int) {
	indent := strings.Repeat("  ", depth)
	for f.Kind() == reflect.Pointer {
		if f.IsNil() {
			fmt.Fprintf(&p.out, "%s%s: null\n", indent, name)
			return
		}
		f = f.Elem()
	}
	switch {
	case f.Kind() == reflect.Struct:
		fmt.Fprintf(&p.out, "%s%s:\n", indent, name)
		p.fields(f, depth+1)
	case name == "RecordBatches":
		fmt.Fprintf(&p.out, "%s%s:\n%s", indent, name, p.w.showBatches(f.Bytes(), indent+"  "))
	case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
		p.list(name, f, depth)
	default:
		fmt.Fprintf(&p.out, "%s%s: %s\n", indent, name, p.value(name, f, m))
	}
}

// list writes the elements in the order of their text, since brokers answer
// topics, configs and groups in any order.
func (p *printer) list(name string, f reflect.Value, depth int) {
	items := make([]string, f.Len())
	for i := range items {
		sub := &printer{w: p.w}
		sub.fields(f.Index(i), depth+1)
		items[i] = sub.out.String()
	}
	sort.Strings(items)
	indent := strings.Repeat("  ", depth)
	if len(items) == 0 {
		fmt.Fprintf(&p.out, "%s%s: (none)\n", indent, name)
	}
	for _, item := range items {
		fmt.Fprintf(&p.out, "%s%s -\n%s", indent, name, item)
	}
}

func (p *printer) value(name string, f reflect.Value, m mask) string {
	if name == "ErrorCode" {
		code := int16(f.Int())
		if code == 0 {
			return "0"
		}
		if err := kerr.TypedErrorForCode(code); err != nil {
			return err.Message
		}
		return strconv.Itoa(int(code))
	}
	switch m {
	case id:
		// A producer may be number 0; a session 0 is none.
		if (f.IsZero() && name != "ProducerID") || (f.CanInt() && f.Int() < 0) {
			return fmt.Sprintf("%v", f.Interface())
		}
		for _, saved := range p.w.order {
			if s := p.w.saved[saved]; s.Type() == f.Type() && reflect.DeepEqual(s.Interface(), f.Interface()) {
				return "$" + saved
			}
		}
		return "<id>"
	case node:
		return nodes(f)
	case moment:
		return p.w.moment(f.Int())
	case some:
		return "<some>"
	case leadership:
		return p.w.epoch(int32(f.Int()))
	case hidden:
	}
	switch f.Kind() {
	case reflect.String:
		return strconv.Quote(f.String())
	case reflect.Slice:
		if b, ok := f.Interface().([]byte); ok {
			return fmt.Sprintf("%q", b)
		}
		if ps, ok := f.Interface().([]int32); ok && name == "Partitions" {
			// A transaction's are a set.
			return fmt.Sprintf("%v", slices.Sorted(slices.Values(ps)))
		}
	default:
	}
	return fmt.Sprintf("%v", f.Interface())
}

func nodes(f reflect.Value) string {
	if f.Kind() == reflect.Slice {
		return fmt.Sprintf("%d <node>", f.Len())
	}
	if f.Int() < 0 {
		return strconv.FormatInt(f.Int(), 10)
	}
	return "<node>"
}

// epoch shows a leader epoch: brokers raise it by as much as they like, so a
// conversation saves a new one as leaderepoch.
func (w *talk) epoch(n int32) string {
	if saved, ok := w.saved["leaderepoch"]; ok && saved.CanInt() && saved.Int() == int64(n) {
		return "$leaderepoch"
	}
	return strconv.Itoa(int(n))
}

// moment shows a time: relative to the conversation's T if it set it.
func (w *talk) moment(ms int64) string {
	const near = 1_000_000 // T lies an hour back, so a clock's time is never near.
	switch d := ms - w.base; {
	case ms < 0:
		return strconv.FormatInt(ms, 10)
	case d > -near && d < near:
		return fmt.Sprintf("T%+d", d)
	case ms < near:
		return strconv.FormatInt(ms, 10)
	default:
		return "<time>"
	}
}
