package server_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/server"
)

// TestGroupListBounded: of groups beyond the bound a list has the lag in records,
// and says that the rest was not looked up.
func TestGroupListBounded(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 2)
	c.produce("t", 0, "a", "b", "c")
	c.coordinate("a")
	groups := []string{"a", "b", "c"}
	for i, group := range groups {
		c.commit(group, "t", 0, int64(i))
		c.commit(group, "t", 1, 0)
	}
	// One that does not fit takes nothing from those that come after it.
	c.createTopic("large", 5)
	for partition := range int32(5) {
		c.commit("0", "large", partition, 0)
	}
	c.produce("large", 0, "a")
	list, err := server.ListUpTo(t.Context(), b.server, 4)
	must(t, err)
	if len(list) != 1+len(groups) || list[0].Group != "0" || !list[0].Lag.Unmeasured || list[0].Lag.Records != 1 {
		t.Fatalf("%+v", list)
	}
	list = list[1:]
	for i := range list {
		g := &list[i]
		beyond := i == 2
		if g.Group != groups[i] || g.Partitions != 2 || g.Lag.Records != int64(3-i) || g.Lag.Unmeasured != beyond || (g.Lag.Bytes == 0) != beyond {
			t.Errorf("%+v", g)
		}
	}
}

// TestGroupSumsBeyondBound: the sums are the same whether partitions have series of
// their own or not.
func TestGroupSumsBeyondBound(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 3)
	c.produce("t", 0, "a", "b", "c")
	c.produce("t", 2, "a")
	c.coordinate("a")
	for i, group := range []string{"a", "b", "c"} {
		for partition := range int32(3) {
			c.commit(group, "t", partition, int64(i))
		}
	}
	sums := func(most int) string {
		return series(scrape(t, server.GroupCollector(b.server, most)), "kafka_consumergroup_lag_sum", "kafka_consumergroup_current_offset_sum",
			"kafka_consumergroup_group_sum_lag", "kafka_consumergroup_group_max_lag{", "kafka_consumergroup_group_topic_sum_lag")
	}
	if all, few := sums(100), sums(3); all != few || all == "" {
		t.Errorf("all:\n%sfew:\n%s", all, few)
	}
}

// TestLooksShared: who asks for all groups while others are answered shares one
// look with all who do, which begins after all of them asked.
func TestLooksShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, n := make(chan struct{}), 0
		all := server.SharedLooks(func() ([]coordinator.GroupView, error) {
			n++
			views := []coordinator.GroupView{{Generation: int32(n)}}
			<-gate
			return views, nil
		})
		ctx, leave := context.WithCancel(t.Context())
		got := make(chan int32, 10)
		ask := func(ctx context.Context) {
			go func() {
				views, err := all(ctx)
				if err != nil {
					got <- -1
					return
				}
				got <- views[0].Generation
			}()
		}
		ask(t.Context())
		synctest.Wait()
		for range 8 {
			ask(t.Context())
		}
		ask(ctx)
		synctest.Wait()
		leave()
		synctest.Wait()
		if first := <-got; first != -1 {
			t.Errorf("who left got look %d", first)
		}
		close(gate)
		synctest.Wait()
		looks := map[int32]int{}
		for range 9 {
			looks[<-got]++
		}
		if n != 2 || looks[1] != 1 || looks[2] != 8 {
			t.Errorf("%d looks: %v", n, looks)
		}
		ask(t.Context())
		if last := <-got; last != 3 {
			t.Errorf("afterwards look %d", last)
		}
	})
}
