package behaviour

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// talk is one conversation: its connections and what it saved.
type talk struct {
	addr  string
	base  int64 // The T of times, in milliseconds.
	conns map[string]*conn
	saved map[string]reflect.Value
	order []string       // Names of saved in the order they were saved.
	own   harness.Broker // Of this conversation alone, if it asked for one.
}

func newTalk(addr string) *talk {
	return &talk{
		addr:  addr,
		base:  time.Now().Add(-time.Hour).UnixMilli(),
		conns: map[string]*conn{},
		saved: map[string]reflect.Value{},
	}
}

// warm asks for a coordinator, since Kafka makes its offsets topic only then, and
// for a producer, since Kafka's first is number 0, which looks like a field at its default.
func (w *talk) warm() error {
	coordinator := kmsg.NewPtrFindCoordinatorRequest()
	coordinator.SetVersion(4)
	coordinator.CoordinatorKeys = []string{"warm"}
	producer := kmsg.NewPtrInitProducerIDRequest()
	producer.SetVersion(4)
	c := w.conn("warm")
	defer c.close()
	for _, req := range []kmsg.Request{coordinator, producer} {
		if err := c.send(req); err != nil {
			return err
		}
		if _, err := w.doReceive(c, &datadriven.TestData{}); err != nil {
			return err
		}
	}
	return nil
}

// close ends the conversation, with the broker that was started for it, whose log is
// shown if the conversation failed.
func (w *talk) close(t *testing.T) {
	t.Helper()
	w.forgetConns()
	if w.own == nil {
		return
	}
	if t.Failed() {
		t.Log(harness.EndOfLog(w.own))
	}
	if err := w.own.Remove(); err != nil {
		t.Error(err)
	}
}

func (w *talk) conn(name string) *conn {
	c := w.conns[name]
	if c == nil {
		c = &conn{addr: w.addr}
		w.conns[name] = c
	}
	return c
}

func (w *talk) save(name string, v reflect.Value) {
	if !slices.Contains(w.order, name) {
		w.order = append(w.order, name)
	}
	w.saved[name] = v
}

// option is a command's argument of one value, or empty.
func option(d *datadriven.TestData, key string) string {
	for _, arg := range d.CmdArgs {
		if arg.Key == key && len(arg.Vals) > 0 {
			return arg.Vals[0]
		}
	}
	return ""
}

// do carries out one command and returns its text.
func (w *talk) do(d *datadriven.TestData) string {
	var out string
	var err error
	switch d.Cmd {
	case "send":
		out, err = w.doSend(d)
	case "receive":
		out, err = w.doReceive(w.conn(option(d, "conn")), d)
	case "batch":
		err = w.buildBatch(d)
		out = "ok\n"
	case "create":
		out, err = w.create(d)
	case "broker":
		err = w.startOwn()
		out = "ok\n"
	case "restart":
		err = w.restart(d)
		out = "ok\n"
	case "raw":
		out, err = w.raw(d)
	case "close":
		w.conn(option(d, "conn")).close()
		out = "ok\n"
	default:
		err = fmt.Errorf("unknown command %q", d.Cmd)
	}
	if err != nil {
		return err.Error() + "\n"
	}
	return out
}

func (w *talk) doSend(d *datadriven.TestData) (string, error) {
	first, last, err := versions(option(d, "v"))
	if err != nil || len(d.CmdArgs) == 0 {
		return "", errors.New("want: send API v=VERSION or v=FIRST-LAST")
	}
	if first == last {
		return w.sendVersion(d, first)
	}
	var story strings.Builder
	same, before := first, "" // The answer before, and the version that had it first.
	for v := first; v <= last; v++ {
		out, err := w.sendVersion(d, v)
		if err != nil {
			out = err.Error() + "\n"
		}
		if v > first && out != before {
			fmt.Fprintf(&story, "%s:\n%s", span(same, v-1), indented(before))
			same = v
		}
		before = out
	}
	fmt.Fprintf(&story, "%s:\n%s", span(same, last), indented(before))
	return story.String(), nil
}

// sendVersion sends the request in one version.
func (w *talk) sendVersion(d *datadriven.TestData, version int16) (string, error) {
	req, err := requestFor(d.CmdArgs[0].Key, version)
	if err != nil {
		return "", err
	}
	if err := w.parse(req, d.Input); err != nil {
		return "", err
	}
	c := w.conn(option(d, "conn"))
	if err := c.send(req); err != nil {
		return "", err
	}
	if d.HasArg("async") {
		return "sent\n", nil
	}
	return w.doReceive(c, d)
}

// versions reads VERSION or FIRST-LAST.
func versions(text string) (first, last int16, err error) {
	from, to, many := strings.Cut(text, "-")
	if !many {
		to = from
	}
	low, err := strconv.ParseInt(from, 10, 16)
	if err != nil {
		return 0, 0, err
	}
	high, err := strconv.ParseInt(to, 10, 16)
	if err != nil || high < low {
		return 0, 0, fmt.Errorf("versions %q: %w", text, err)
	}
	return int16(low), int16(high), nil
}

// span names the versions that have one answer in common.
func span(first, last int16) string {
	if first == last {
		return fmt.Sprintf("v%d", first)
	}
	return fmt.Sprintf("v%d-%d", first, last)
}

func indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString("  " + line)
	}
	return out.String()
}

// awaited reports whether an answer has one of the words that are waited for.
func awaited(d *datadriven.TestData, answer string) bool {
	arg, ok := d.Arg("until")
	return !ok || slices.ContainsFunc(arg.Vals, func(word string) bool { return strings.Contains(answer, word) })
}

// settleTime is how long a broker may need for what it promises in the end.
const settleTime = 5 * time.Second

// doReceive reads an answer; it asks again while a coordinator is loading,
// which no recording contains.
func (w *talk) doReceive(c *conn, d *datadriven.TestData) (string, error) {
	for deadline := time.Now().Add(settleTime); ; time.Sleep(50 * time.Millisecond) {
		req := c.pending
		resp, err := c.receive()
		if err != nil {
			return "", err
		}
		again := loading(reflect.ValueOf(resp)) || !awaited(d, w.show(resp))
		if again && time.Now().Before(deadline) {
			if err := c.send(req); err != nil {
				return "", err
			}
			continue
		}
		for _, arg := range d.CmdArgs {
			if arg.Key != "save" {
				continue
			}
			for _, val := range arg.Vals {
				name, path, _ := strings.Cut(val, ":")
				v, err := lookup(reflect.ValueOf(resp), path)
				if err != nil {
					return "", err
				}
				w.save(name, v)
			}
		}
		return w.show(resp), nil
	}
}

// loading finds the codes of a coordinator that is not there yet.
func loading(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && loading(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if loading(v.Index(i)) {
				return true
			}
		}
	case reflect.Struct:
		if f := v.FieldByName("ErrorCode"); f.IsValid() && f.CanInt() {
			switch int16(f.Int()) {
			case kerr.CoordinatorLoadInProgress.Code, kerr.CoordinatorNotAvailable.Code, kerr.NotCoordinator.Code:
				return true
			}
		}
		for i := range v.NumField() {
			if loading(v.Field(i)) {
				return true
			}
		}
	default:
	}
	return false
}

// create makes a topic and waits until its partitions answer. Its id is saved
// under the topic's name.
func (w *talk) create(d *datadriven.TestData) (string, error) {
	partitions := 1
	if text := option(d, "partitions"); text != "" {
		var err error
		if partitions, err = strconv.Atoi(text); err != nil {
			return "", err
		}
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.SetVersion(7)
	req.TimeoutMillis = 10000
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = option(d, "topic"), int32(partitions), 1
	for line := range strings.Lines(d.Input) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, &value
		one.Configs = append(one.Configs, config)
	}
	req.Topics = append(req.Topics, one)
	c := w.conn("")
	if err := c.send(req); err != nil {
		return "", err
	}
	resp, err := c.receive()
	if err != nil {
		return "", err
	}
	created := resp.(*kmsg.CreateTopicsResponse).Topics[0]
	if created.ErrorCode != 0 {
		return "", kerr.ErrorForCode(created.ErrorCode)
	}
	w.save(created.Topic, reflect.ValueOf(created.TopicID))
	return "ok\n", w.awaitLeaders(c, created.Topic, partitions)
}

func (w *talk) awaitLeaders(c *conn, topic string, partitions int) error {
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(7)
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for i := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = int32(i), -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	for deadline := time.Now().Add(settleTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err := c.send(req); err != nil {
			return err
		}
		resp, err := c.receive()
		if err != nil {
			return err
		}
		ready := true
		for _, p := range resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions {
			ready = ready && p.ErrorCode == 0
		}
		if ready {
			return nil
		}
	}
	return fmt.Errorf("topic %s has no leaders", topic)
}

// raw sends bytes, given as hex digits or quoted text, on a connection of its
// own and shows the answer's bytes without the correlation id.
func (w *talk) raw(d *datadriven.TestData) (string, error) {
	var b []byte
	for line := range strings.Lines(d.Input) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, `"`) {
			text, err := strconv.Unquote(line)
			if err != nil {
				return "", err
			}
			b = append(b, text...)
			continue
		}
		part, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		if err != nil {
			return "", err
		}
		b = append(b, part...)
	}
	c := &conn{addr: w.addr}
	defer c.close()
	if err := c.write(b); err != nil {
		return "", err
	}
	if d.HasArg("end") {
		half, ok := c.nc.(interface{ CloseWrite() error })
		if !ok {
			return "", io.ErrClosedPipe
		}
		if err := half.CloseWrite(); err != nil {
			return "", err
		}
	}
	answer, err := c.frame()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes: % x\n", len(answer), answer), nil
}
