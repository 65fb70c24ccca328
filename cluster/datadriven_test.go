package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// The conversations of testdata/*.txt. Commands:
//
//	create NAME partitions=N [replicas=(1,2)] [configs=(k=v,...)]
//	partitions NAME total=N
//	delete NAME...
//	alter (topic|broker|group)=NAME [set=(k=v,...)] [delete=(k,...)] [append=..] [subtract=..]
//	replace (topic|broker|group)=NAME [set=(k=v,...)]
//	("brokers" is the default of all brokers)
//	describe (topic|broker|group)=NAME keys=(...)
//	producer-ids n=N
//	standing ids=(...)
//	image
//	restart
func TestConversations(t *testing.T) {
	datadriven.Walk(t, "testdata/conversations", func(t *testing.T, path string) {
		c := &conversation{t: t, disk: vfs.NewMem(), resolver: NewResolver(nil)}
		c.journal = open(t, c.disk, Options{NodeID: 1})
		datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string { return c.step(d) })
	})
}

type conversation struct {
	t        *testing.T
	disk     *vfs.Mem
	journal  *Journal
	resolver *Resolver
}

func (c *conversation) step(d *datadriven.TestData) string {
	switch d.Cmd {
	case "create":
		return c.create(d)
	case "partitions":
		return words(c.journal.CreatePartitions(d.CmdArgs[0].Key, int32(argNumber(d, "total"))))
	case "delete":
		var names []string
		for _, a := range d.CmdArgs {
			names = append(names, a.Key)
		}
		return words(c.journal.DeleteTopics(names)...)
	case "alter":
		return c.alter(d)
	case "replace":
		changes, err := c.resolver.PlanReplace(c.journal.Image(), resourceOf(d), argPairs(d, "set"))
		if err == nil {
			err = c.journal.AlterConfigs(resourceOf(d), changes)
		}
		return words(err)
	case "describe":
		return c.describe(d)
	case "producer-ids":
		first, err := c.journal.AllocateProducerIDs(argNumber(d, "n"))
		if err != nil {
			return words(err)
		}
		return fmt.Sprintln("first", first)
	case "pass-producer-ids":
		return words(c.journal.PassProducerIDs(model.ProducerID(argNumber(d, "next"))))
	case "standing":
		var out []string
		for _, id := range argList(d, "ids") {
			n, _ := strconv.Atoi(id)
			out = append(out, id+" "+[]string{"unknown", "live", "dropped"}[c.journal.Standing(model.PartitionID(n))])
		}
		return strings.Join(out, ", ") + "\n"
	case "image":
		return c.image()
	case "restart":
		if err := c.journal.Close(); err != nil {
			return words(err)
		}
		c.disk = c.disk.Kill()
		c.journal = open(c.t, c.disk, Options{NodeID: 1})
		return "ok\n"
	default:
		return "unknown command " + d.Cmd + "\n"
	}
}

func (c *conversation) create(d *datadriven.TestData) string {
	spec := TopicSpec{Name: d.CmdArgs[0].Key, Partitions: int32(argNumber(d, "partitions")), Configs: argPairs(d, "configs")}
	for _, r := range argList(d, "replicas") {
		n, _ := strconv.Atoi(r)
		spec.Replicas = append(spec.Replicas, []model.BrokerID{model.BrokerID(n)})
	}
	if err := c.resolver.ValidateTopicConfigs(spec.Configs); err != nil {
		return words(err)
	}
	r := c.journal.CreateTopics([]TopicSpec{spec})[0]
	if r.Err != nil {
		return words(r.Err)
	}
	return topicLine(r.Topic)
}

func (c *conversation) alter(d *datadriven.TestData) string {
	var ops []Alteration
	for i, op := range []string{"set", "delete", "append", "subtract"} {
		for _, e := range argList(d, op) {
			k, v, hasValue := strings.Cut(e, "=")
			a := Alteration{Key: k, Op: AlterOp(i)}
			if hasValue {
				a.Value = &v
			}
			ops = append(ops, a)
		}
	}
	changes, err := c.resolver.PlanIncremental(c.journal.Image(), resourceOf(d), ops)
	if err == nil {
		err = c.journal.AlterConfigs(resourceOf(d), changes)
	}
	return words(err)
}

func (c *conversation) describe(d *datadriven.TestData) string {
	values, err := c.resolver.Describe(c.journal.Image(), resourceOf(d))
	if err != nil {
		return words(err)
	}
	var b strings.Builder
	for _, k := range argList(d, "keys") {
		fmt.Fprintf(&b, "%s=%s\n", k, describe(values, k))
	}
	return b.String()
}

func (c *conversation) image() string {
	img := c.journal.Image()
	var lines []string
	img.Topics(func(t *Topic) bool {
		lines = append(lines, topicLine(t))
		return true
	})
	slices.Sort(lines)
	return fmt.Sprintf("brokers=%v controller=%d brokerconfigs=%v nodeconfigs=%v groupconfigs=%v\n%s",
		img.Brokers, img.Controller, img.BrokerConfigs, img.NodeConfigs, img.GroupConfigs, strings.Join(lines, ""))
}

func topicLine(t *Topic) string {
	line := t.Name + ":"
	for _, r := range toRuns(t.Partitions) {
		line += fmt.Sprintf(" ids %d-%d leader %d epoch %d", r.first, r.last(), r.leader, r.epoch)
	}
	if len(t.Configs) > 0 {
		line += fmt.Sprint(" ", t.Configs)
	}
	return line + "\n"
}

func words(errs ...error) string {
	if err := errors.Join(errs...); err != nil {
		return err.Error() + "\n"
	}
	return "ok\n"
}

func resourceOf(d *datadriven.TestData) Resource {
	for kind, t := range map[string]ResourceType{"topic": ResourceTopic, "broker": ResourceBroker, "group": ResourceGroup} {
		if arg, ok := d.Arg(kind); ok {
			return Resource{Type: t, Name: strings.Join(arg.Vals, "")}
		}
	}
	if d.HasArg("brokers") {
		return Resource{Type: ResourceBroker}
	}
	return Resource{}
}

func argList(d *datadriven.TestData, key string) []string {
	arg, _ := d.Arg(key)
	return arg.Vals
}

func argPairs(d *datadriven.TestData, key string) map[string]string {
	out := make(map[string]string)
	for _, e := range argList(d, key) {
		k, v, _ := strings.Cut(e, "=")
		out[k] = v
	}
	return out
}

func argNumber(d *datadriven.TestData, key string) int {
	n, _ := strconv.Atoi(strings.Join(argList(d, key), "")) // absent is 0
	return n
}
