package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// The scripts of testdata/groups speak to a broker of their own, with these
// commands beside testscript's:
//
//	topic NAME PARTITIONS
//	produce TOPIC PARTITION N            N records
//	commit GROUP TOPIC PARTITION OFFSET  of a group without members
//	member start|stop GROUP TOPIC        one at a time; started, it has read all and committed that
//	begin ID TOPIC N [TIMEOUT]           a transaction with N records; it is left open
//	hang PRODUCER TOPIC N                a transaction with N records that no coordinator knows
//	logged PATTERN                       waits until the broker's log has a line that matches
//	exits CODE COMMAND                   runs it, and demands that exit code
//	like FILE                            compares stdout; spans of time, sizes, ids and runs of blanks are alike
func TestGroupScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/groups",
		Setup: func(env *testscript.Env) error {
			b, err := startForScript(env)
			env.Values[brokerOfScript{}] = b
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"topic": scripted(func(b *scriptBroker, args []string) error {
				n, err := strconv.Atoi(args[1])
				if err != nil {
					return err
				}
				return b.createTopic(args[0], int32(n))
			}),
			"produce": scripted(func(b *scriptBroker, args []string) error { return b.produce(args[0], args[1], args[2]) }),
			"commit":  scripted(func(b *scriptBroker, args []string) error { return b.commit(args[0], args[1], args[2], args[3]) }),
			"member":  scripted(func(b *scriptBroker, args []string) error { return b.member(args[0], args[1], args[2]) }),
			"begin":   scripted(func(b *scriptBroker, args []string) error { return b.begin(args[0], args[1], args[2], args[3:]...) }),
			"logged":  scripted(func(b *scriptBroker, args []string) error { return b.log.await(args[0]) }),
			"hang":    scripted(func(b *scriptBroker, args []string) error { return b.hang(args[0], args[1], args[2]) }),
			"exits":   exits,
			"like": func(ts *testscript.TestScript, _ bool, args []string) {
				got, want := alike(ts.ReadFile("stdout")), alike(ts.ReadFile(args[0]))
				if d := cmp.Diff(want, got); d != "" {
					ts.Fatalf("(-want +got)\n%s", d)
				}
			},
		},
	})
}

type brokerOfScript struct{}

func scripted(do func(*scriptBroker, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		b, ok := ts.Value(brokerOfScript{}).(*scriptBroker)
		if !ok {
			ts.Fatalf("there is no broker")
		}
		for i := range args {
			args[i] = strings.NewReplacer(`\n`, "\n", `\e`, "\x1b").Replace(args[i])
		}
		ts.Check(do(b, args))
	}
}

// exits runs a command that ends with the code that its first argument is.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		code, err = failed.ExitCode(), nil
	}
	ts.Check(err)
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// alike takes from a text what no two runs have in common.
func alike(text string) string {
	for _, r := range []struct{ pattern, with string }{
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "UUID"},
		{`\d{8}T\d{6}\.\d{6}Z`, "ID"},
		{`\d{4}-\d\d-\d\dT[0-9:.]+Z`, "TIME"},
		{`\b\d+ (ms|s)\b`, "SPAN"},
		{`"seconds": [0-9.]+`, `"seconds": N`},
		{`"bytes": [1-9]\d*`, `"bytes": N`}, // a client may split its batches
		{`\b[1-9]\d* bytes`, "N bytes"},
		{` +`, " "},
		{` \n`, "\n"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
}

// scriptBroker is a broker that runs as a command would, and a client of it.
type scriptBroker struct {
	kafka   string
	data    string
	client  *kgo.Client
	current *kgo.Client // the running member
	log     *scriptLog
}

// startForScript starts a broker and tells the script where it is.
func startForScript(env *testscript.Env) (*scriptBroker, error) {
	kafka, err := freeAddress()
	if err != nil {
		return nil, err
	}
	http, err := freeAddress()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(env.WorkDir, "data")
	ctx, stop := context.WithCancel(context.Background())
	out, w := io.Pipe()
	log := newScriptLog()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, process{stdout: w, stderr: log, args: []string{
			"serve", "--listen", kafka, "--http", http, "--data-dir", data,
			"--set", "mainstem.log.segment.bytes=16777216", "--set", "mainstem.disk.ballast.bytes=0",
			"--set", "group.initial.rebalance.delay.ms=0", "--set", "offsets.topic.num.partitions=4",
		}})
		_ = w.Close()
	}()
	env.Defer(func() {
		stop()
		if code := <-ended; code != exitOK {
			env.T().Fatal(fmt.Sprintf("the broker ended with %d: %s", code, log.String()))
		}
	})
	ready := bufio.NewScanner(out)
	for ready.Scan() && !strings.Contains(ready.Text(), "ctrl-C") {
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	env.Setenv("HTTP", http)
	env.Setenv("KAFKA", kafka)
	env.Setenv("MAINSTEM_HTTP_LISTEN", http)
	b := &scriptBroker{kafka: kafka, data: data, log: log}
	b.client, err = kgo.NewClient(kgo.SeedBrokers(kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxVersions(kversion.V3_8_0())) // its commits name topics
	if err == nil {
		env.Defer(b.client.Close)
		env.Defer(func() { _ = b.member("stop", "", "") })
	}
	return b, err
}

// freeAddress is one that nobody listens on.
func freeAddress() (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (b *scriptBroker) createTopic(name string, partitions int32) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	req.Topics = append(req.Topics, topic)
	_, err := req.RequestWith(context.Background(), b.client)
	return err
}

func (b *scriptBroker) produce(topic, partition, records string) error {
	p, err := strconv.ParseInt(partition, 10, 32)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(records)
	if err != nil {
		return err
	}
	var all []*kgo.Record
	for i := range n {
		all = append(all, &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte(strconv.Itoa(i))})
	}
	return b.client.ProduceSync(context.Background(), all...).FirstErr()
}

func (b *scriptBroker) commit(group, topic, partition, offset string) error {
	p, err := strconv.ParseInt(partition, 10, 32)
	if err != nil {
		return err
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	part := kmsg.NewOffsetCommitRequestTopicPartition()
	part.Partition, part.Offset = int32(p), o
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{part}}}
	resp, err := req.RequestWith(context.Background(), b.client)
	if err == nil && resp.Topics[0].Partitions[0].ErrorCode != 0 {
		err = fmt.Errorf("commit: error %d", resp.Topics[0].Partitions[0].ErrorCode)
	}
	return err
}

// member starts or stops a consumer.
func (b *scriptBroker) member(what, group, topic string) error {
	if what == "stop" {
		if b.current != nil {
			b.current.Close() // it leaves the group
		}
		b.current = nil
		return nil
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(b.kafka), kgo.ClientID("billing"), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(100*time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	b.current = c
	if err := c.PollFetches(context.Background()).Err(); err != nil {
		return err
	}
	return c.CommitUncommittedOffsets(context.Background())
}

// TestStrangersOfGroups: what is told of an address that is no broker's.
func TestStrangersOfGroups(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"":                              "EOF (it must be the HTTP port of a broker, not that for Kafka clients)",
		"HTTP/1.0 200 OK\r\n\r\n<html>": "answers, but not as a broker of this version",
		"HTTP/1.0 404 Not Found\r\n\r\n404 not found":                            "answers, but not as a broker of this version",
		"HTTP/1.0 403 Forbidden\r\n\r\n{\"code\":\"X\",\"message\":\"not you\"}": "not you (X)",
	} {
		var lc net.ListenConfig
		l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() { answered <- answerOnce(l, answer) }()
		code, _, errs := command(t, "group", "list", "--http", l.Addr().String())
		if code != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d, %s", answer, code, errs)
		}
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// answerOnce gives the first client that asks an answer.
func answerOnce(l net.Listener, answer string) error {
	nc, err := l.Accept()
	if err != nil {
		return err
	}
	if _, err := nc.Read(make([]byte, 4096)); err != nil {
		return err
	}
	if _, err := io.WriteString(nc, answer); err != nil {
		return err
	}
	return errors.Join(nc.Close(), l.Close())
}
