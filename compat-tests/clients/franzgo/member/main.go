// Command member is a member of a group: KEY=VALUE arguments, commands on stdin,
// one JSON line on stdout for all that happens. See ../../groups.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// pollMost keeps a member that takes its time with each record from being away for long.
const pollMost = 10

func main() {
	flags := map[string]string{}
	for _, a := range os.Args[1:] {
		name, value, _ := strings.Cut(a, "=")
		flags[name] = value
	}
	if err := run(flags); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(flags map[string]string) error {
	m := member{goes: make(chan struct{})}
	opts, err := m.options(flags)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go m.obey(cancel)
	m.say(event{Event: "ready"})
	<-m.goes // A new client joins at once.
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		fs := cl.PollRecords(ctx, pollMost)
		for _, e := range fs.Errors() {
			if ctx.Err() == nil {
				m.say(event{Event: "error", Text: e.Err.Error()})
			}
		}
		fs.EachRecord(func(r *kgo.Record) {
			time.Sleep(time.Duration(m.pace.Load()))
			m.say(event{Event: "record", Partition: r.Partition, Offset: r.Offset, Value: string(r.Value)})
		})
		cl.AllowRebalance()
	}
	m.say(event{Event: "closing"})
	// What was handled is committed; Close itself does not wait for that.
	err = cl.CommitUncommittedOffsets(context.Background())
	// Close alone may be too fast for a static member of the consumer protocol to
	// say that it goes.
	if err := cl.LeaveGroupContext(context.Background()); err != nil {
		m.say(event{Event: "error", Text: "leave: " + err.Error()})
	}
	cl.CloseAllowingRebalance()
	m.say(event{Event: "closed"})
	return err
}

func (m *member) options(flags map[string]string) ([]kgo.Opt, error) {
	session, err := strconv.Atoi(flags["session"])
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	heartbeat, err := strconv.Atoi(flags["heartbeat"])
	if err != nil {
		return nil, fmt.Errorf("heartbeat: %w", err)
	}
	reset := kgo.NewOffset().AtEnd()
	if flags["reset"] == "earliest" {
		reset = kgo.NewOffset().AtStart()
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(flags["bootstrap"]), kgo.ConsumerGroup(flags["group"]), kgo.ConsumeTopics(flags["topic"]), kgo.ConsumeResetOffset(reset),
		kgo.AutoCommitInterval(200 * time.Millisecond), kgo.AutoCommitCallback(m.committed), kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.OnPartitionsAssigned(m.moved("assigned")), kgo.OnPartitionsRevoked(m.moved("revoked")), kgo.OnPartitionsLost(m.moved("lost")),
		kgo.SessionTimeout(time.Duration(session) * time.Millisecond), kgo.HeartbeatInterval(time.Duration(heartbeat) * time.Millisecond),
	}
	switch flags["assignor"] {
	case "range":
		opts = append(opts, kgo.Balancers(kgo.RangeBalancer()))
	case "cooperative-sticky":
		opts = append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	case "":
		opts = append(opts, kgo.Balancers(kgo.StickyBalancer()))
	default:
		return nil, fmt.Errorf("no assignor %q", flags["assignor"])
	}
	if flags["protocol"] == "consumer" {
		m.consumer = true
		opts = append(opts, kgo.ServerSideBalancer())
	}
	if flags["instance"] != "" {
		opts = append(opts, kgo.InstanceID(flags["instance"]))
	}
	return opts, nil
}

// event is a line of what happens.
type event struct {
	At         int64            `json:"at"` // by a clock that all processes of a machine have in common
	Event      string           `json:"event"`
	Generation int32            `json:"generation"`
	Partitions []int32          `json:"partitions,omitempty"`
	Partition  int32            `json:"partition"`
	Offset     int64            `json:"offset"`
	Value      string           `json:"value,omitempty"`
	Offsets    map[string]int64 `json:"offsets,omitempty"`
	Text       string           `json:"text,omitempty"`
}

type member struct {
	consumer bool // of the consumer protocol
	goes     chan struct{}
	pace     atomic.Int64
	stopped  atomic.Bool
	mu       sync.Mutex // one line at a time
}

func (m *member) say(e event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	e.At = now.Nano()
	if err := json.NewEncoder(os.Stdout).Encode(e); err != nil {
		os.Exit(3) // nobody listens any more
	}
}

// obey follows commands. go: join. stop: leave the group. pace N: take N ms for each
// record. The end of the input is the end of the test.
func (m *member) obey(stop func()) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() == "go" {
			close(m.goes)
		} else if lines.Text() == "stop" {
			m.stopped.Store(true)
			stop()
		} else if ms, ok := strings.CutPrefix(lines.Text(), "pace "); ok {
			n, err := strconv.Atoi(ms)
			if err != nil {
				panic(err)
			}
			m.pace.Store(int64(time.Duration(n) * time.Millisecond))
		}
	}
	if !m.stopped.Load() {
		os.Exit(3)
	}
}

func (m *member) moved(what string) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(ctx context.Context, cl *kgo.Client, parts map[string][]int32) {
		if what == "revoked" {
			// A callback of one's own takes the place of the client's commit.
			if err := cl.CommitUncommittedOffsets(ctx); err != nil {
				m.say(event{Event: "error", Text: err.Error()})
			}
		}
		_, generation := cl.GroupMetadata()
		if m.consumer {
			generation = -1 // told some time after what is owned
		}
		e := event{Event: what, Generation: generation}
		for _, ps := range parts {
			e.Partitions = append(e.Partitions, ps...)
		}
		m.say(e)
	}
}

func (m *member) committed(_ *kgo.Client, req *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
	if err != nil {
		m.say(event{Event: "error", Text: err.Error()})
		return
	}
	offsets := map[string]int64{}
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			offsets[strconv.Itoa(int(p.Partition))] = p.Offset
		}
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				delete(offsets, strconv.Itoa(int(p.Partition)))
				m.say(event{Event: "error", Text: err.Error()})
			}
		}
	}
	m.say(event{Event: "committed", Offsets: offsets})
}
