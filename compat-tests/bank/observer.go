package bank

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/observe"
)

// observe reads what is committed, from the start, until it is told to stop.
func (b *Bank) observe(ctx context.Context, r *Reader) error {
	return observe.Committed(ctx, b.addr, b.o.Topic, b.o.Partitions, r.take)
}

func (r *Reader) take(rec *kgo.Record) error {
	at := place{rec.Partition, rec.Offset}
	if rec.Attrs.IsControl() {
		return r.passed(at)
	}
	e, err := decode(rec.Value)
	if err != nil {
		return err
	}
	return r.saw(at, e)
}
