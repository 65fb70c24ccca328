package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What is said of clocks that differ.
const (
	clockOff  = time.Second // more than this is worth a word
	clockFar  = time.Hour   // Kafka's default of message.timestamp.after.max.ms
	howToLook = "to compare them, --write TOPIC writes a record to a topic with message.timestamp.type=LogAppendTime"
)

// compareClocks compares the broker's clock with this machine's, by the time that the
// broker puts into a record. Nothing else in the protocol tells it.
func (e *exam) compareClocks(ctx context.Context, p *peer, c *clusterView) {
	topic := e.cfg.WriteTopic
	if topic == "" {
		e.notChecked(checkClock, "Kafka's protocol does not tell the broker's time; "+howToLook)
		return
	}
	offset, doubt, err := e.clockOffset(ctx, p, c, topic)
	switch {
	case errors.Is(err, errNoAppendTime):
		e.notChecked(checkClock, fmt.Sprintf("a record was written to %s, and keeps the time of its producer; %s", topic, howToLook))
		return
	case err != nil:
		e.find(Finding{
			Check: checkClock, Mark: Failure, Text: fmt.Sprintf("no record can be written to %s: %v", topic, err),
			Means: "producers have the same trouble", Next: "see that the topic is there, has a leader, and that this client may write to it",
		})
		return
	}
	text := fmt.Sprintf("the broker's is the same as this machine's, give or take %s", shortTime(max(abs(offset), doubt)))
	f := Finding{Check: checkClock, Mark: OK, Text: text}
	if abs(offset) > clockOff+doubt {
		f.Mark = Warning
		f.Text = fmt.Sprintf("the broker's is %s this machine's, give or take %s", aheadText(offset), shortTime(doubt))
		f.Means = "records with the producer's time are found late or early by time, and are kept too long or too short; windows of stream processors are off"
		f.Next = "have both machines set their clocks from the network (NTP)"
	}
	if offset < -clockFar {
		f.Mark, f.Means = Failure, f.Means+"; the broker refuses records of the future (message.timestamp.after.max.ms)"
	}
	e.find(f)
}

func abs(d time.Duration) time.Duration { return max(d, -d) }

func aheadText(d time.Duration) string {
	if d < 0 {
		return (-d).Round(time.Millisecond).String() + " behind"
	}
	return d.Round(time.Millisecond).String() + " ahead of"
}

var errNoAppendTime = errors.New("the topic has no log append time")

// produceByName is the newest version that names topics.
const produceByName = 12

// clockOffset writes a record and looks which time it got, in the middle of the time
// that it took.
func (e *exam) clockOffset(ctx context.Context, p *peer, c *clusterView, topic string) (offset, doubt time.Duration, err error) {
	leader, err := e.leaderOf(ctx, p, c, topic)
	if err != nil {
		return 0, 0, err
	}
	defer leader.close()
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, int32(min(e.cfg.Timeout, time.Hour).Milliseconds())
	begun := e.cfg.Clock.Now()
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = oneRecord("mainstem doctor", begun)
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	t.Partitions = append(t.Partitions, part)
	req.Topics = append(req.Topics, t)
	if err := leader.pick(req, produceByName); err != nil {
		return 0, 0, err
	}
	if req.Version < 3 {
		return 0, 0, errNotServed // its records are of an older format
	}
	resp, err := ask[*kmsg.ProduceResponse](ctx, leader, req)
	took := e.since(begun)
	switch {
	case err != nil:
		return 0, 0, err
	case len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1:
		return 0, 0, errors.New("the broker does not answer for the record")
	}
	answer := &resp.Topics[0].Partitions[0]
	switch {
	case answer.ErrorCode != 0:
		return 0, 0, codeError(answer.ErrorCode)
	case answer.LogAppendTime < 0:
		return 0, 0, errNoAppendTime
	}
	return time.UnixMilli(answer.LogAppendTime).Sub(begun.Add(took / 2)), took/2 + time.Millisecond, nil
}

// leaderOf connects to the leader of a topic's first partition.
func (e *exam) leaderOf(ctx context.Context, p *peer, c *clusterView, topic string) (*peer, error) {
	resp, err := p.topics(ctx, topic)
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 {
		return nil, errors.New("the broker does not answer for the topic")
	}
	if err := codeError(resp.Topics[0].ErrorCode); err != nil {
		return nil, err
	}
	for _, part := range resp.Topics[0].Partitions {
		if part.Partition != 0 {
			continue
		}
		b, ok := c.by(part.Leader)
		if !ok {
			return nil, fmt.Errorf("its partition 0 has no leader that is known (node %d)", part.Leader)
		}
		addrs, err := e.lookup(ctx, b.host)
		if err != nil {
			return nil, err
		}
		at, err := e.firstOpen(ctx, addrs, b.port)
		if err != nil {
			return nil, fmt.Errorf("its leader at %s: %s", net.JoinHostPort(b.host, fmt.Sprint(b.port)), dialText(err))
		}
		return e.hello(ctx, at, b.host)
	}
	return nil, errors.New("it has no partition 0")
}

// Where a batch has its length, checksum, and what that is of.
const (
	batchLengthAt = 8
	batchBodyAt   = 12
	batchCRCAt    = 17
	batchSummedAt = 21
)

// oneRecord is a batch of one record.
func oneRecord(value string, at time.Time) []byte {
	record := []byte{0, 0, 0} // attributes, and the differences of its time and offset
	record = binary.AppendVarint(record, -1)
	record = append(binary.AppendVarint(record, int64(len(value))), value...)
	record = append(record, 0) // headers
	batch := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, FirstTimestamp: at.UnixMilli(), MaxTimestamp: at.UnixMilli(),
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1,
		Records: append(binary.AppendVarint(nil, int64(len(record))), record...),
	}
	out := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(out[batchLengthAt:], uint32(len(out)-batchBodyAt))
	binary.BigEndian.PutUint32(out[batchCRCAt:], crc32.Checksum(out[batchSummedAt:], crc32.MakeTable(crc32.Castagnoli)))
	return out
}
