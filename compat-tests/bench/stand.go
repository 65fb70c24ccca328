package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// sample is one round's numbers by metric.
type sample map[string]float64

// stand is one target's broker while a row is measured.
type stand struct {
	row    row
	scale  float64
	broker harness.Broker
	names  []string // Of the topics of this round.
	round  int
}

func (s *stand) admin(do func(context.Context, *kadm.Client) error) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Addr()))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return do(ctx, kadm.NewClient(cl))
}

// create makes the round's topics and tells how long it took until every
// partition had answered with its offsets.
func (s *stand) create() (time.Duration, error) {
	s.round++
	s.names = nil
	for i := range max(s.row.topics, 1) {
		s.names = append(s.names, fmt.Sprintf("%s-%d-%d", s.row.name, s.round, i))
	}
	configs := map[string]*string{}
	for k, v := range s.row.configs[s.broker.Target()] {
		configs[k] = &v
	}
	// Kafka keeps the files of a deleted topic for a minute, which the next
	// round would pay for.
	configs["file.delete.delay.ms"] = kadm.StringPtr("100")
	var took time.Duration
	err := s.admin(func(ctx context.Context, adm *kadm.Client) error {
		begin := time.Now()
		partitions := int32(max(s.row.partitions, 1))
		// One by one: Kafka refuses 10,000 partitions in one request.
		for _, name := range s.names {
			if _, err := adm.CreateTopic(ctx, partitions, 1, configs, name); err != nil {
				return fmt.Errorf("create topic %s: %w", name, err)
			}
		}
		for {
			ends, err := adm.ListEndOffsets(ctx, s.names...)
			n := 0
			ends.Each(func(o kadm.ListedOffset) {
				if o.Err == nil {
					n++
				}
			})
			if err == nil && n == int(partitions)*len(s.names) {
				took = time.Since(begin)
				return nil
			}
			if ctx.Err() != nil {
				return fmt.Errorf("topics do not come up: %w", errors.Join(ctx.Err(), err))
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	return took, err
}

// drop deletes the round's topics and waits for the disk to be quiet.
func (s *stand) drop() error {
	err := s.admin(func(ctx context.Context, adm *kadm.Client) error {
		deleted, err := adm.DeleteTopics(ctx, s.names...)
		if err != nil {
			return err
		}
		return deleted.Error()
	})
	time.Sleep(300 * time.Millisecond)
	return err
}

// child is a load process.
type child struct {
	cmd         *exec.Cmd
	out, errOut *bytes.Buffer
}

func startChild(l load) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, loadMode), out: &bytes.Buffer{}, errOut: &bytes.Buffer{}}
	c.cmd.Stdin = bytes.NewReader(spec)
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.errOut
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c, c.cmd.Start()
}

func (c *child) wait() (outcome, error) {
	if err := c.cmd.Wait(); err != nil {
		return outcome{}, fmt.Errorf("load process: %w: %s", err, strings.TrimSpace(c.errOut.String()))
	}
	var o outcome
	return o, json.Unmarshal(c.out.Bytes(), &o)
}

// abandon ends a load whose broker is gone; its end is no error.
func (c *child) abandon() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func runChild(l load) (outcome, error) {
	c, err := startChild(l)
	if err != nil {
		return outcome{}, err
	}
	return c.wait()
}

// scaled cuts a load down for a smoke run.
func (s *stand) scaled(l load) load {
	l.Records = max(int(float64(l.Records)*s.scale), 1000)
	if l.Seconds > 0 {
		l.Seconds = max(int(float64(l.Seconds)*s.scale), 2)
	}
	l.Addr, l.Topics, l.Partitions = s.broker.Addr(), s.names, max(s.row.partitions, 1)
	if l.Op != "e2e" {
		producers := max(s.row.load.Producers, 1)
		l.Records = l.Records / producers * producers
	}
	return l
}

func (s *stand) startLoad(l load) (*child, error) { return startChild(s.scaled(l)) }

// measure runs a load and takes the broker's costs meanwhile.
func (s *stand) measure(l load) (sample, error) {
	// What earlier rounds left dirty is written now, not within this round.
	syscall.Sync()
	pid := s.broker.PID()
	before, err := harness.ReadCPU(pid)
	if err != nil {
		return nil, err
	}
	sampler := harness.Sample(pid, 50*time.Millisecond)
	o, err := runChild(s.scaled(l))
	peak := sampler.Stop()
	if err != nil {
		return nil, err
	}
	after, err := harness.ReadCPU(pid)
	if err != nil {
		return nil, err
	}
	cpu := (after.Total() - before.Total()).Seconds()
	out := sample{
		"rec/s":         float64(o.Records) / o.Seconds,
		"MB/s":          float64(o.Bytes) / 1e6 / o.Seconds,
		"CPU s/GB":      cpu / (float64(o.Bytes) / 1e9),
		"us CPU/rec":    cpu * 1e6 / float64(o.Records),
		"peak anon MiB": mib(peak.Anon),
		"peak file MiB": mib(peak.File),
		"descriptors":   float64(peak.Descriptors),
	}
	if o.Batches > 0 {
		out["rec/batch"] = float64(o.Records) / float64(o.Batches)
		out["us CPU/batch"] = cpu * 1e6 / float64(o.Batches)
	}
	if o.P50 > 0 {
		out["p50 ms"], out["p99 ms"] = o.P50, o.P99
	}
	return out, nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// runOnce is a round of a row without a way of its own.
func (s *stand) runOnce() (sample, error) {
	if s.row.run != nil {
		return s.row.run(s)
	}
	if s.row.preload > 0 {
		// Preloaded before the first round; consuming leaves it as it is.
		return s.measure(s.row.load)
	}
	if _, err := s.create(); err != nil {
		return nil, err
	}
	out, err := s.measure(s.row.load)
	if err != nil {
		return nil, err
	}
	return out, s.drop()
}

// warmRecords is how much a JVM needs to have compiled its hot paths.
const warmRecords = 3_000_000

// smokeScale is below what figures are made of: there the JVM may stay cold.
const smokeScale = 0.1

// warm produces and consumes enough for the JVM's compiler, on both targets
// alike, and preloads what a consuming row reads.
func (s *stand) warm() error {
	own := s.row
	s.row = row{name: "warm", load: load{Op: "produce", Records: warmRecords, Size: 200, BatchMax: 64 * kib, Producers: 1}}
	if _, err := s.create(); err != nil {
		return err
	}
	for _, op := range []string{"produce", "consume"} {
		l := s.scaled(s.row.load)
		if s.scale >= smokeScale {
			l.Records = warmRecords
		}
		l.Op = op
		if _, err := runChild(l); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}
	if err := s.drop(); err != nil {
		return err
	}
	s.row = own
	if s.row.preload == 0 {
		return nil
	}
	if _, err := s.create(); err != nil {
		return err
	}
	fill := s.row.load
	fill.Op, fill.Records = "produce", s.row.preload
	_, err := runChild(s.scaled(fill))
	return err
}
