package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// answerMost bounds the wait for a broker that has started.
const answerMost = 2 * time.Minute

// restarts times a start after a clean stop and one after kill -9 under the
// load, each until a batch is acknowledged and read back.
func (s *stand) restarts(l load) (sample, error) {
	if err := s.broker.Stop(); err != nil {
		return nil, err
	}
	clean, err := s.startAndAnswer()
	if err != nil {
		return nil, fmt.Errorf("after a clean stop: %w", err)
	}
	killed, err := s.killUnder(l)
	if err != nil {
		return nil, err
	}
	// What a new life needs shows once it has work.
	l.Records /= 4
	_, err = s.runChild(l)
	return sample{mAnswerClean: clean.Seconds(), mAnswerKill: killed.Seconds()}, err
}

// killUnder kills the broker in the midst of a load and times its start.
func (s *stand) killUnder(l load) (time.Duration, error) {
	l.Records *= 1000 // More than there will be time for.
	c, err := s.startChild(l)
	if err != nil {
		return 0, err
	}
	time.Sleep(max(500*time.Millisecond, time.Duration(2*s.scale*float64(time.Second))))
	err = s.broker.Kill()
	c.abandon()
	if err != nil {
		return 0, err
	}
	took, err := s.startAndAnswer()
	if err != nil {
		return 0, fmt.Errorf("after kill -9: %w", err)
	}
	return took, nil
}

// startAndAnswer starts the stopped broker and returns how long it takes until
// a batch is acknowledged by the last partition of the row's last topic, and
// read from there.
func (s *stand) startAndAnswer() (time.Duration, error) {
	begin := time.Now()
	if err := s.broker.Restart(); err != nil {
		return 0, err
	}
	var err error
	for time.Since(begin) < answerMost && s.ctx.Err() == nil {
		if err = s.knock(); err == nil {
			return time.Since(begin), nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, fmt.Errorf("no answer within %v: %w", answerMost, errors.Join(err, s.ctx.Err()))
}

// knock produces a batch and reads it.
func (s *stand) knock() error {
	c, err := harness.Dial(s.broker.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	l := load{Size: 100, BatchMax: 300}
	topic, partition := s.names[len(s.names)-1], int32(max(s.row.partitions, 1)-1)
	r := l.newRequest(topic)
	r.address(0, partition, time.Now(), 0, 1)
	if err := c.SetDeadline(time.Now().Add(answerMost)); err != nil {
		return err
	}
	if _, err := c.Write(r.raw); err != nil {
		return err
	}
	resp := kmsg.NewPtrProduceResponse()
	resp.SetVersion(produceVersion)
	if err := c.Receive(resp); err != nil {
		return err
	}
	answer := resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	return fetchOne(c, topic, partition, answer.BaseOffset)
}

// fetchOne reads from an offset, which must give something.
func fetchOne(c *harness.Conn, topic string, partition int32, offset int64) error {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(11)
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = 5000, 1, 1<<20, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = topic
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = partition, offset, 1<<20, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := c.Ask(req, answerMost)
	if err != nil {
		return err
	}
	got, ok := resp.(*kmsg.FetchResponse)
	if !ok || len(got.Topics) != 1 || len(got.Topics[0].Partitions) != 1 {
		return errors.New("fetch: not the partition that was asked for")
	}
	answer := got.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return fmt.Errorf("fetch from %d: %w", offset, err)
	}
	if len(answer.RecordBatches) == 0 {
		return fmt.Errorf("fetch from %d: nothing there", offset)
	}
	return nil
}

// deleteAll deletes the row's topics and times until that is answered, and
// until the disk has nearly all of their space back.
func (s *stand) deleteAll() (sample, error) {
	before, err := takenBy(s.dataDir(), everything)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	err = s.admin(func(ctx context.Context, adm *kadm.Client) error {
		deleted, err := adm.DeleteTopics(ctx, s.names...)
		if err != nil {
			return err
		}
		return deleted.Error()
	})
	if err != nil {
		return nil, fmt.Errorf("delete: %w", err)
	}
	out := sample{mDelete: time.Since(begin).Seconds()}
	// What is left: the segment that is written and the next one, and the ballast.
	const rest, most = 1 << 30, 2 * time.Minute
	for time.Since(begin) < most && s.ctx.Err() == nil {
		now, err := takenBy(s.dataDir(), everything)
		if err != nil {
			return nil, err
		}
		if now.stored < max(rest, before.stored/20) {
			out[mSpaceBack] = time.Since(begin).Seconds()
			return out, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("the space of deleted topics is not back after %v", most)
}
