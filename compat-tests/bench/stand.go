package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// stand is one target's broker while rows are measured on it.
type stand struct {
	target harness.Target
	broker harness.Broker
	scale  float64
	memory *fullMemory
	made   int // Sets of topics so far, for their names.
	old    []oldTopics

	row     row
	names   []string // Of the row's topics, while there are some.
	created float64  // Seconds it took to make them.
	amount  int      // Records of a round, when cut to a time.
	place   int      // The partition a spread goes on with.
	// prepared is the most of memory and descriptors before the first round.
	prepared harness.Peak
	idle     float64         // Part of a core it uses without any client.
	ctx      context.Context // Of the run.
	say      func(format string, args ...any)
	soak     time.Duration // How long a soak lasts.
}

// oldTopics are done with, but still there.
type oldTopics struct {
	names []string
	gib   float64
}

// oldMax is how many GiB of old topics a broker keeps. By the time they are
// deleted the page cache has let go of their files.
const oldMax = 8

// begin turns to the next row.
func (s *stand) begin(r row) {
	s.row, s.names, s.created, s.amount, s.place = r, nil, 0, 0, 0
}

// has tells whether the broker has an API; 0 is none that needs looking for.
func (s *stand) has(api harness.API) (bool, error) {
	if api == 0 {
		return true, nil
	}
	return harness.Advertises(s.broker.Addr(), api)
}

func (s *stand) admin(do func(context.Context, *kadm.Client) error) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Addr()))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Minute)
	defer cancel()
	adm := kadm.NewClient(cl)
	adm.SetTimeoutMillis(120_000)
	return do(ctx, adm)
}

// create makes the row's topics and times it until every partition has
// answered with its offsets.
func (s *stand) create(topics, partitions int) error {
	var err error
	s.names, s.created, err = s.make(topics, partitions, s.row.configs[s.target])
	return err
}

// make makes topics with configs and returns their names and the seconds it
// took.
func (s *stand) make(topics, partitions int, with map[string]string) (names []string, seconds float64, err error) {
	s.made++
	for i := range topics {
		names = append(names, fmt.Sprintf("%s-%d-%d", s.row.name, s.made, i))
	}
	configs := map[string]*string{}
	for k, v := range with {
		configs[k] = &v
	}
	// Kafka keeps the files of a deleted topic for a minute, which the next
	// round would pay for.
	configs["file.delete.delay.ms"] = kadm.StringPtr("100")
	err = s.admin(func(ctx context.Context, adm *kadm.Client) error {
		begin := time.Now()
		// One by one: Kafka refuses 10,000 partitions in one request.
		for _, name := range names {
			if _, err := adm.CreateTopic(ctx, int32(partitions), 1, configs, name); err != nil {
				return fmt.Errorf("create topic %s: %w", name, err)
			}
		}
		for {
			ends, err := adm.ListEndOffsets(ctx, names...)
			n := 0
			ends.Each(func(o kadm.ListedOffset) {
				if o.Err == nil {
					n++
				}
			})
			if err == nil && n == partitions*len(names) {
				seconds = time.Since(begin).Seconds()
				return nil
			}
			if ctx.Err() != nil {
				return fmt.Errorf("topics do not come up: %w", errors.Join(ctx.Err(), err))
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	return names, seconds, err
}

// createRow makes the topics that the row names.
func (s *stand) createRow() error {
	return s.create(max(s.row.topics, 1), max(s.row.partitions, 1))
}

// ends are the offsets where the row's topics' partitions end now.
func (s *stand) ends() (map[string]map[int32]int64, error) { return s.endsOf(s.names) }

func (s *stand) endsOf(topics []string) (map[string]map[int32]int64, error) {
	from := map[string]map[int32]int64{}
	err := s.admin(func(ctx context.Context, adm *kadm.Client) error {
		ends, err := adm.ListEndOffsets(ctx, topics...)
		if err != nil {
			return err
		}
		ends.Each(func(o kadm.ListedOffset) {
			if from[o.Topic] == nil {
				from[o.Topic] = map[int32]int64{}
			}
			from[o.Topic][o.Partition] = o.Offset
		})
		return ends.Error()
	})
	return from, err
}

// drop is done with the topics, if there are some. Many partitions go at once,
// others when there are enough newer ones.
func (s *stand) drop() error {
	if len(s.names) == 0 {
		return nil
	}
	s.old = append(s.old, oldTopics{s.names, s.row.gib * s.scale})
	s.names = nil
	keep := float64(oldMax)
	if s.memory == nil || s.row.topics > 1 {
		keep = 0
	}
	total := 0.0
	for _, o := range s.old {
		total += o.gib
	}
	for total > keep && len(s.old) > 0 {
		if err := s.delete(s.old[0].names); err != nil {
			return err
		}
		total -= s.old[0].gib
		s.old = s.old[1:]
	}
	return nil
}

// delete deletes topics and waits until that is done.
func (s *stand) delete(names []string) error {
	err := s.admin(func(ctx context.Context, adm *kadm.Client) error {
		deleted, err := adm.DeleteTopics(ctx, names...)
		if err != nil {
			return err
		}
		return deleted.Error()
	})
	time.Sleep(300 * time.Millisecond)
	return errors.Join(err, s.quiet())
}

// quiet waits until the broker does no work of its own any more, such as
// deleting files, or for half a minute.
func (s *stand) quiet() error {
	const calm, most = 0.10, 30 * time.Second
	for begin := time.Now(); time.Since(begin) < most; {
		used, err := s.usage(250 * time.Millisecond)
		if err != nil {
			return err
		}
		if used < calm {
			return nil
		}
	}
	return nil
}

// usage is the part of a core that the broker uses for a while.
func (s *stand) usage(during time.Duration) (float64, error) {
	before, err := harness.ReadCPU(s.broker.PID())
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	time.Sleep(during)
	after, err := harness.ReadCPU(s.broker.PID())
	if err != nil {
		return 0, err
	}
	return (after.Total() - before.Total()).Seconds() / time.Since(begin).Seconds(), nil
}

// scaled gives a load its place, and cuts it down for a smoke run.
func (s *stand) scaled(l load) load {
	l.Records = max(int(float64(l.Records)*s.scale), 1000)
	if s.amount > 0 && l.Op != "e2e" {
		l.Records = s.amount
	}
	if l.Seconds > 0 {
		l.Seconds = max(int(float64(l.Seconds)*s.scale), 2)
	}
	return s.placed(l)
}

// placed gives a load its broker and topics.
func (s *stand) placed(l load) load {
	l.Addr = s.broker.Addr()
	if l.Topics == nil {
		l.Topics = s.names
	}
	if l.Partitions == 0 {
		l.Partitions = max(s.row.partitions, 1)
	}
	producers := max(l.Producers, 1)
	l.Records = l.Records / producers * producers
	return l
}

// partitions counts those of all topics of the row.
func (s *stand) partitions() int { return max(s.row.topics, 1) * max(s.row.partitions, 1) }
