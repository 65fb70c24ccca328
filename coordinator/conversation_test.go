package coordinator

import (
	"cmp"
	"maps"
	"strconv"
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
// happened because of it follows after the dashes: records written, answers in
// the order in which they left, and events. Answers carry the request's tag
// (as=TAG, or its number).
//
//	setup [shards=N] [SETTING=VALUE ...] a fresh coordinator, shards loaded
//	config SETTING=VALUE ...             delay, size, bytes, session, retention, check, metadata, batch,
//	                                     migration, classic-size
//	join [g=G] [member=ID] [instance=I] [client=C] [type=T] [protocols=(P:META,...)]
//	     [topics=(T,...) [offers=(P,...)] [owns=(T,...) | holds=(T-P,...) [of=GENERATION]] [rack=R]] [session=D] [rebalance=D] [reason=R] [v=N] [as=TAG]
//	     [conn=C] [host=H]                of this and of the next five: the connection it is from
//	sync [g=G] member=ID gen=N [instance=I] [assign=(ID:TEXT,...)] [type=T] [protocol=P]
//	     [give=(ID:T/P/P+T/P,...)]        partitions of topics, as consumers write it
//	heartbeat [g=G] member=ID gen=N [instance=I]
//	leave [g=G] members=(ID | ID/INSTANCE | /INSTANCE,...)
//	commit [g=G] [topic=T] [offsets=(P:OFFSET,...)] [member=ID] [gen=N] [instance=I]
//	       [meta=TEXT] [epoch=N] [retention=D] [timestamp=N]
//	fetch [g=(G,...)] [topics=(T:P,...)] [stable]     without topics: all of them
//	verify [p=PRODUCER] [pe=EPOCH] [guard=NAME]   asks for a guard, and keeps it under that name
//	txn-commit [p=PRODUCER] [pe=EPOCH] [guard=NAME] ...   as commit; without guard: with a fresh one
//	release [p=PRODUCER] [guard=NAME]     gives a guard back
//	guards                                how many producers have one
//	end [p=PRODUCER] [pe=EPOCH] [ce=COORDINATOR-EPOCH] [bumped] [abort] [shard=N]
//	describe | delete g=(G,...)
//	inspect [g=(G,...)]                   without groups: all of them
//	rewind [g=G] [id=ID] marks=(T/P:OFFSET,...) | undo [g=G] [id=ID] | plan-undo [g=G] [id=ID] | rewound [g=G]
//	list [states=(S,...)] [types=(T,...)]
//	delete-offsets [g=G] topic=T partitions=(P,...)
//	drop-topics topics=(T,...)            drops what groups have of topics that are gone
//	hang-up conn=C                        ends a connection
//	mode [g=G] to=broadcast|cluster [quietly]     without g: of groups that have none of their own;
//	                                      quietly: the coordinator is not told
//	trim T-P=OFFSET                       what is below is gone
//	delete-topic T | create-topic T      all exist, but those that were deleted
//	seed [g=G] [member=ID] [epoch=N] [state=N] [assigned=(T-P,...)] [revoking=(T-P,...)] [topics=(T,...)]
//	     [instance=I] [regex=R] [classic=PROTOCOL] [rebalance=MS] [skip=(KIND,...)]   records of a consumer group's member
//	beat [g=G] member=ID [epoch=N] [instance=I] [rack=R] [topics=(T,...)] [regex=R] [owned=(T-P,...)]
//	     [rebalance=D] [assignor=A] [client=C] [v=N]   epoch 0, also by default, says what a join must
//	describe-consumer [g=(G,...)] [v=N]
//	topics T:PARTITIONS ...               what there is from now on; then names have ids
//	rules g=G [session=D] [heartbeat=D] [assignor=A]   what is set on a group
//	advance D                             moves the clock
//	journal hold|flow|release|lose|refuse|accept|break-load|heal-load|close-gate|open-gate
//	load | unload | close | restart       restart: a new coordinator over the same journals
//	records | metrics | timers
//
// Names can be LONGn, n letters, and ODD.
func TestConversations(t *testing.T) {
	eachConversation(t, func(t *testing.T, talk *conversation, d *datadriven.TestData) string { return talk.play(t, d) })
}

// eachConversation plays testdata/*.txt. play returns what has to be the command's
// planned output.
func eachConversation(t *testing.T, play func(*testing.T, *conversation, *datadriven.TestData) string) {
	t.Helper()
	shardtest.Conversations(t, func(t *testing.T) *conversation { return newConversation(t, nil) }, play, (*conversation).end)
}

// conversation drives one coordinator and writes down what it does.
type conversation struct {
	clock    *clock.Manual
	groups   *Groups
	journals []*shard.Memory
	config   Config
	requests int
	suffixes int
	topics   map[string]int // how often each was deleted and made; odd: it is gone
	shaped   shapedTopics
	lines    shardtest.Lines
	starts   map[string]int64 // log starts, by topic-partition
	modes    map[string]bool  // broadcast or not, by group; "": of the others
	sessions map[string]*Session
	open     shardtest.Requests
	guards   map[string]TxnGuard
}

func newConversation(t *testing.T, change func(*Config)) *conversation {
	t.Helper()
	c := &conversation{
		clock:  clock.NewManual(time.UnixMilli(1_000_000)),
		starts: map[string]int64{}, modes: map[string]bool{}, sessions: map[string]*Session{},
		config: DefaultConfig(), topics: map[string]int{}, guards: map[string]TxnGuard{},
	}
	c.config.Shards = 1
	if change != nil {
		change(&c.config)
	}
	for i := range c.config.Shards {
		c.journals = append(c.journals, &shard.Memory{
			OnAppend: func(records []Record) { c.sayRecords(int(i), records) }, Refuses: refusesAppend,
		})
	}
	c.start(t)
	c.lines.Taken()
	return c
}

func (c *conversation) start(t *testing.T) {
	t.Helper()
	groups, err := New(func() Config { return c.config }, Env{
		Clock:        c.clock,
		Journals:     func(shard int32) Journal { return c.journals[shard] },
		Events:       func(e Event) { c.lines.Say("  * %s", eventText(e)) },
		View:         c.view,
		LogStart:     func(topic string, partition int32) int64 { return c.starts[topic+"-"+strconv.Itoa(int(partition))] },
		MemberSuffix: func() string { c.suffixes++; return strconv.Itoa(c.suffixes) },
		Refuses: func(index int32, txn *shard.Txn, ahead TxnAhead) protocol.ErrorCode {
			return refusedBehind(c.journals[index], txn, ahead)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.groups = groups
	clear(c.sessions)
	c.load()
}

// session is the connection of that name; one without a name is a tool's.
func (c *conversation) session(name string) *Session {
	if name != "" && c.sessions[name] == nil {
		c.sessions[name] = c.groups.NewSession()
	}
	return c.sessions[name]
}

func (c *conversation) switchMode(a arguments) {
	group := a.Text("g", "")
	c.modes[group] = a.Text("to", "") == "broadcast"
	switch {
	case a.Has("quietly"):
	case group == "":
		c.groups.RulesChanged(nil)
	default:
		c.groups.RulesChanged([]string{group})
	}
}

// view gives each topic that comes after another of its name a new id. Those
// that were never deleted have none, so that most conversations need not speak of it.
func (c *conversation) view() View {
	v := c.shaped.view()
	if c.shaped.all == nil {
		topics := maps.Clone(c.topics)
		v.id = func(name string) (model.TopicID, bool) {
			return model.TopicID{byte(topics[name])}, topics[name]%2 == 0
		}
	}
	v.modes = maps.Clone(c.modes)
	return v
}

func (c *conversation) load() {
	for i := range c.journals {
		go func() {
			if err := c.groups.Load(int32(i)); err != nil {
				c.lines.Say("load %d: %v", i, err)
			}
		}()
		synctest.Wait()
	}
}

// end returns the requests that were never answered.
func (c *conversation) end() []string {
	c.shut()
	return c.open.Open()
}

func (c *conversation) shut() {
	c.groups.Close()
	synctest.Wait()
}

func (c *conversation) play(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "setup":
		c.shut()
		fresh := newConversation(t, func(config *Config) { setConfig(t, d, config) })
		clear(c.topics)
		c.shaped = shapedTopics{}
		clear(c.modes)
		clear(c.starts)
		c.clock, c.groups, c.journals, c.config = fresh.clock, fresh.groups, fresh.journals, fresh.config
		for i := range c.journals { // they speak to this conversation from now on
			c.journals[i].OnAppend = func(records []Record) { c.sayRecords(i, records) }
		}
		c.restart(t)
		c.suffixes, c.requests = 0, 0
		c.lines.Taken()
		return "ok\n"
	case "config":
		setConfig(t, d, &c.config)
	case "topics":
		c.reshape(t, d)
	case "rules":
		c.shaped.setRules(t, d)
		c.groups.RulesChanged([]string{argumentsOf(t, d).Text("g", "g")})
	case "seed":
		c.seed(t, d)
	case "advance":
		by, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		shardtest.Advance(c.clock, by)
	case "journal":
		for _, j := range c.journals {
			shardtest.Disturb(shardtest.Arguments{T: t, D: d}, j)
		}
	case "load":
		c.load()
	case "unload":
		for i := range c.journals {
			c.groups.Unload(int32(i))
		}
	case "close":
		c.groups.Close()
	case "hang-up":
		name := argumentsOf(t, d).Text("conn", "")
		c.session(name).Close()
		delete(c.sessions, name)
	case "mode":
		c.switchMode(argumentsOf(t, d))
	case "trim":
		for _, arg := range d.CmdArgs {
			start, err := strconv.ParseInt(arg.Vals[0], 10, 64)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			c.starts[arg.Key] = start
		}
	case "delete-topic", "create-topic":
		c.topics[d.CmdArgs[0].Key]++
	case "restart":
		c.restart(t)
	case "records":
		for i, j := range c.journals {
			c.sayRecords(i, j.All())
		}
	case "metrics":
		c.lines.Say("%s", metricsText(c.groups.Metrics()))
	case "timers":
		c.lines.Say("%d of the clock", c.clock.Pending())
	default:
		c.request(t, d)
	}
	text := c.lines.Taken()
	for i := range c.groups.shards.Len() {
		m := c.groups.machine(i)
		if m == nil {
			continue
		}
		if err := cmp.Or(checkMachine(m), checkHolders(m)); err != nil {
			d.Fatalf(t, "%v", err)
		}
	}
	return text
}

func (c *conversation) sayRecords(shard int, records []Record) {
	c.lines.SayRecords(shard, len(c.journals), records, recordText)
}

func (c *conversation) restart(t *testing.T) {
	t.Helper()
	c.shut()
	c.start(t)
}

func setConfig(t *testing.T, d *datadriven.TestData, config *Config) {
	t.Helper()
	for _, arg := range d.CmdArgs {
		value := arg.Vals[0]
		if arg.Key == "migration" {
			config.Migration = Migration(value)
			continue
		}
		number, numberErr := strconv.Atoi(value)
		span, spanErr := time.ParseDuration(value)
		if numberErr != nil && spanErr != nil {
			d.Fatalf(t, "%s is neither a number nor a time", value)
		}
		switch arg.Key {
		case "shards":
			config.Shards = int32(number)
		case "delay":
			config.InitialRebalanceDelay = span
		case "size":
			config.MembersMax, config.ConsumerMembersMax = number, number
		case "classic-size":
			config.MembersMax = number
		case "session":
			config.ConsumerSession = Bounded{Default: span, Min: span, Max: span}
		case "retention":
			config.OffsetsRetention = span
		case "check":
			config.OffsetsCheckInterval = span
		case "metadata":
			config.OffsetMetadataMax = number
		case "batch":
			config.BatchBytesMax, config.UnitBytesMax = number, 32*number
		case "conversion":
			config.ConversionRate = int64(number)
		case "bytes":
			config.GroupBytesMax = number
		default:
			d.Fatalf(t, "no setting %s", arg.Key)
		}
	}
}
