package everyday

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// topics: one is made, listed and deleted.
func topics(w *world) {
	s, topic := w.start(), w.shared.Name(w.t)
	s.must("create", topic, 5, "retention.ms=7200000")
	details, err := w.adm.ListTopics(w.ctx, topic)
	if err != nil || len(details[topic].Partitions) != 5 {
		w.t.Fatalf("franz-go sees %d partitions, want 5: %v", len(details[topic].Partitions), err)
	}
	if got := w.config(topic, "retention.ms"); got != "7200000" {
		w.t.Errorf("franz-go sees retention.ms=%s, want 7200000", got)
	}
	// A client may keep what it knows of the cluster for a while.
	w.await("the list", func() error { return listed(s.must("list").Topics, topic, true) })
	s.must("delete", topic)
	w.await("franz-go's list", func() error {
		details, err := w.adm.ListTopics(w.ctx)
		if err == nil {
			err = listed(details.Names(), topic, false)
		}
		return err
	})
	w.await("the list", func() error { return listed(s.must("list").Topics, topic, false) })
}

func listed(topics []string, topic string, want bool) error {
	if slices.Contains(topics, topic) == want {
		return nil
	}
	return fmt.Errorf("%s is in the list of %d topics: %v, want %v", topic, len(topics), !want, want)
}

// describe: the partitions that another client made.
func describe(w *world) {
	s, topic := w.start(), w.topic()
	w.await("describe", func() error { return counted(s.must("describe", topic).Partitions, partitions) })
}

func counted(got, want int) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%d partitions, want %d", got, want)
}

// configs: what another client set, and a default.
func configs(w *world) {
	s, topic := w.start(), w.shared.Topic(w.t, 1, map[string]string{"max.message.bytes": "54321"})
	for name, want := range map[string]string{"max.message.bytes": "54321", "cleanup.policy": "delete"} {
		if got := s.must("config", topic, name).Value; got != want {
			w.t.Errorf("the client sees %s=%s, want %s", name, got, want)
		}
	}
}

// alter: one config, and others stay; by the older request they are gone.
func alter(w *world) {
	s, topic := w.start(), w.shared.Topic(w.t, 1, map[string]string{"max.message.bytes": "54321"})
	s.must("alter", topic, "retention.ms=3600000")
	other := "54321"
	if w.client.Lacks[Increment] != "" {
		other = "1048588" // the default
	}
	// A broker may answer before it has its metadata of it.
	for name, want := range map[string]string{"max.message.bytes": other, "retention.ms": "3600000"} {
		w.await("config", func() error {
			if got := w.config(topic, name); got != want {
				return fmt.Errorf("franz-go sees %s=%s, want %s", name, got, want)
			}
			return nil
		})
	}
}

// grow: a topic gets more partitions, that a new producer can write.
func grow(w *world) {
	s, topic := w.start(), w.shared.Topic(w.t, 1, nil)
	s.must("grow", topic, partitions)
	w.await("franz-go's metadata", func() error {
		details, err := w.adm.ListTopics(w.ctx, topic)
		if err == nil {
			err = counted(len(details[topic].Partitions), partitions)
		}
		return err
	})
	written := makeRecords("grown", 9)
	// One that has been there would ask for metadata in its own time.
	w.start().must("produce", topic, None, false, words(written))
	if err := w.same(recordsOf(w.read(topic)), written, w.times()); err != nil {
		w.t.Errorf("franz-go reads what the client wrote: %v", err)
	}
}

// config is a topic's, as franz-go sees it.
func (w *world) config(topic, name string) string {
	w.t.Helper()
	resources, err := w.adm.DescribeTopicConfigs(w.ctx, topic)
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(resources[0].Configs, func(c kadm.Config) bool { return strings.EqualFold(c.Key, name) })
	if i < 0 {
		return "(none)"
	}
	return resources[0].Configs[i].MaybeValue()
}
