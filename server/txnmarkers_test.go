package server_test

import (
	"testing"

	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestMarkersKeepTheirOrder: a shard of the coordinator that loads again has the
// markers of a decision written once more, while the first ones may not have come to
// their turn. Who commits by version 1 goes on in the same epoch: the older markers
// must be there before the newer, or they would end the next transaction.
func TestMarkersKeepTheirOrder(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	b.write("t", 7, 0, "first")

	// held waits in the place of a job until it is let go.
	held := func() (begun, letGo chan struct{}) {
		begun, letGo = make(chan struct{}), make(chan struct{})
		b.markers.Write(txn.MarkerJob{Partitions: []model.TopicPartition{{Topic: "nowhere"}}}, func([]*protocol.Error) {
			close(begun)
			<-letGo
		})
		return begun, letGo
	}
	marks := func() (written chan struct{}) {
		written = make(chan struct{})
		job := txn.MarkerJob{Producer: txn.Producer{ID: 7}, Commit: true, Partitions: []model.TopicPartition{{Topic: "t"}}}
		b.markers.Write(job, func(failed []*protocol.Error) {
			if failed[0] != nil {
				t.Error(failed[0])
			}
			close(written)
		})
		return written
	}
	begun, letGo := held()
	<-begun
	begun, letGoOn := held()
	before := marks()
	close(letGo)
	<-begun // the markers are behind it
	again := marks()
	for range 100 { // if they go past it, they have the time
		must(t, c.roundTrip())
	}
	select {
	case <-again:
		b.write("t", 7, 1, "second") // its client has gone on
		close(letGoOn)
		<-before
	default:
		close(letGoOn)
		<-before
		<-again
		b.write("t", 7, 1, "second")
	}
	p, gone := b.partitions.Find("t", 0)
	if gone != nil {
		t.Fatal(gone)
	}
	if open := p.OpenTxns(); len(open) != 1 {
		t.Errorf("the next transaction was ended by a marker of the one before: open are %v", open)
	}
}
