package txn

import (
	"cmp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/shard/shardtest"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestConversations plays testdata/*.txt. A command stands on one line, what
// happened because of it follows after the dashes: records written, markers asked
// for, answers in the order in which they left, and events. Answers carry the
// request's number. Producers are ID/EPOCH, partitions TOPIC-NUMBER or TOPIC-N..M;
// the id is i unless another is named.
//
//	setup [shards=N] [SETTING=VALUE ...] a fresh coordinator, shards loaded
//	config SETTING=VALUE ...             max, expiration, check, wait, unit
//	init [id=I] [timeout=D] [p=P] [v=N] [client=C]
//	add [id=I] p=P parts=(TP,...) [tv=1]
//	verify [id=I] p=P parts=(TP,...)
//	commit|abort [id=I] p=P [v=N]        EndTxn; version 5 unless told
//	kill [id=I]                          an operator's abort
//	list [states=(S,...)] [producers=(N,...)] [longer=D] [v=N]
//	describe ids=(I,...) | inspect
//	ids left=N                           how many producer ids are there; -1: enough
//	seed [id=I] state=S p=P [was=N] [next=N] [timeout=D] [start=MS] [updated=MS] [tv=2] [parts=(TP,...)]
//	                                     a record that is found at the next restart; state=gone: a tombstone
//	markers hold|flow | release [n=N]    they wait, or are written at once; those that wait are
//	markers fail TP=CODE ... | heal      what becomes of one, from now on
//	advance D                            moves the clock
//	journal hold|flow|release|lose|refuse|accept|break-load|heal-load|close-gate|open-gate
//	load | unload | close | restart      restart: a new coordinator over the same journals, in the next epoch
//	records | metrics
//
// Ids can be LONGn, n letters.
func TestConversations(t *testing.T) {
	shardtest.Conversations(t,
		func(t *testing.T) *conversation { return newConversation(t, nil) },
		func(t *testing.T, c *conversation, d *datadriven.TestData) string { return c.play(t, d) },
		func(c *conversation) []string {
			c.txns.Close()
			return c.open.Open()
		})
}

// conversation drives one coordinator and writes down what it does.
type conversation struct {
	clock    *clock.Manual
	txns     *Transactions
	journals []*epochJournal
	markers  *fakeMarkers
	config   Config
	requests int
	given    model.ProducerID // the last producer id
	left     int              // producer ids that are there; -1: enough
	lines    shardtest.Lines
	seeds    []shard.Record // to be found at the next restart
	open     shardtest.Requests
}

// epochJournal is a partition with its leader epoch.
type epochJournal struct {
	shard.Memory
	epoch int32
}

func (j *epochJournal) Epoch() int32 { return j.epoch }

func newConversation(t *testing.T, change func(*Config)) *conversation {
	t.Helper()
	c := &conversation{
		clock: clock.NewManual(time.UnixMilli(1_000_000)), config: DefaultConfig(), left: -1,
	}
	c.config.Shards = 1
	if change != nil {
		change(&c.config)
	}
	for range c.config.Shards {
		c.journals = append(c.journals, &epochJournal{})
	}
	c.begin(t)
	return c
}

// begin has journals and markers speak to this conversation, and starts the
// coordinator.
func (c *conversation) begin(t *testing.T) {
	t.Helper()
	for i, j := range c.journals {
		j.OnAppend = func(records []shard.Record) { c.sayRecords(i, records) }
	}
	c.markers = &fakeMarkers{say: c.lines.Say, rest: synctest.Wait, fail: map[model.TopicPartition]protocol.ErrorCode{}}
	c.start(t)
	c.lines.Taken()
}

func (c *conversation) start(t *testing.T) {
	t.Helper()
	txns, err := New(func() Config { return c.config }, Env{
		Clock:         c.clock,
		Journals:      func(shard int32) Journal { return c.journals[shard] },
		Events:        func(e Event) { c.lines.Say("  * %s", eventText(e)) },
		NewProducerID: c.newProducerID,
		WriteMarkers:  c.markers.write,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.txns = txns
	for _, j := range c.journals {
		j.epoch++
	}
	c.load()
}

func (c *conversation) newProducerID() (model.ProducerID, bool) {
	if c.left == 0 {
		return 0, false
	}
	c.left = max(c.left-1, -1)
	c.given++
	return c.given, true
}

func (c *conversation) load() {
	for i := range c.journals {
		go func() {
			if err := c.txns.Load(int32(i)); err != nil {
				c.lines.Say("load %d: %v", i, err)
			}
		}()
		synctest.Wait()
	}
}

func (c *conversation) play(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	a := argumentsOf(t, d)
	switch d.Cmd {
	case "setup":
		c.txns.Close()
		fresh := newConversation(t, func(config *Config) { setConfig(t, d, config) })
		fresh.txns.Close()
		c.clock, c.journals, c.config = fresh.clock, fresh.journals, fresh.config
		c.requests, c.given, c.left = 0, 0, -1
		for _, j := range c.journals {
			j.epoch = 0
		}
		c.begin(t)
		return "ok\n"
	case "config":
		setConfig(t, d, &c.config)
	case "ids":
		c.left = int(a.Number("left", -1))
	case "seed":
		c.seed(a)
	case "markers":
		c.markers.command(t, d)
	case "advance":
		by, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		shardtest.Advance(c.clock, by)
	case "journal":
		for _, j := range c.journals {
			shardtest.Disturb(a.Arguments, &j.Memory)
		}
	case "load":
		c.load()
	case "unload":
		for i := range c.journals {
			c.txns.Unload(int32(i))
		}
	case "close":
		c.txns.Close()
	case "restart":
		c.txns.Close()
		c.sow()
		c.start(t)
	case "records":
		for i, j := range c.journals {
			c.sayRecords(i, j.All())
		}
	case "metrics":
		c.lines.Say("%s", metricsText(c.txns.Metrics()))
	default:
		c.request(a)
	}
	text := c.lines.Taken()
	for i, j := range c.journals {
		if err := checkShard(c.txns, int32(i), j.All()); err != nil {
			d.Fatalf(t, "%v", err)
		}
	}
	return text
}

func (c *conversation) sayRecords(shard int, records []shard.Record) {
	c.lines.SayRecords(shard, len(c.journals), records, recordText)
}

// seed makes a record that the next restart finds.
func (c *conversation) seed(a arguments) {
	id := a.Text("id", "i")
	r := shard.Record{Key: appendKey(nil, id)}
	if name := a.Text("state", ""); name != "gone" {
		state, known := stateNamed(name)
		if !known || state == stateCount {
			a.D.Fatalf(a.T, "no state %q", name)
		}
		who := a.producer("p")
		r = record(id, &value{
			state: state, producer: who.ID, epoch: who.Epoch,
			previous: model.ProducerID(a.Number("was", int64(who.ID))), next: model.ProducerID(a.Number("next", -1)),
			timeout: int32(a.Span("timeout", time.Minute).Milliseconds()),
			start:   a.Number("start", -1), updated: a.Number("updated", c.clock.Now().UnixMilli()),
			client: int16(a.Number("tv", 0)), partitions: c.joined(a),
		})
	}
	c.seeds = append(c.seeds, r)
}

// sow makes the seeds part of what is stored; nothing runs.
func (c *conversation) sow() {
	for _, r := range c.seeds {
		id, _, _ := readKey(r.Key)
		j := c.journals[c.txns.Shard(string(id))]
		j.Set(func(j *shard.MemoryState) { j.Durable = append(j.Durable, r) })
	}
	c.seeds = nil
}

func (c *conversation) joined(a arguments) partitions {
	p, _ := partitions(nil).join(a.partitions())
	return p
}

func setConfig(t *testing.T, d *datadriven.TestData, config *Config) {
	t.Helper()
	a := argumentsOf(t, d)
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "shards":
			config.Shards = int32(a.Number("shards", 1))
		case "max":
			config.TimeoutMax = a.Span("max", 0)
		case "expiration":
			config.Expiration = a.Span("expiration", 0)
		case "check":
			config.ExpiryInterval = a.Span("check", 0)
		case "wait":
			config.WaitMax = a.Span("wait", 0)
		case "unit":
			config.UnitBytesMax = int(a.Number("unit", 0))
			config.BatchBytesMax = cmp.Or(min(config.BatchBytesMax, config.UnitBytesMax), 1)
		default:
			d.Fatalf(t, "no setting %s", arg.Key)
		}
	}
}
