package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// The mixed retention test: a third of the bytes each in a short, a middle and
// a long retention, and a small compacted topic, scaled down by size and time.
const (
	amplifyRate    = 25_500 // Records of 1 KiB a second, all three together.
	amplifySegment = 16 << 20
	amplifyShort   = 8.0 // Seconds of retention; the others are 4 and 16 times that.
	amplifyKeys    = 10_000
	amplifyKeyed   = 4000 // Records of 100 bytes a second to the compacted topic.
	// loadLeast is the part of the mix's bytes that has to be appended for the
	// figures to be those of the mix.
	loadLeast = 0.95
	// ballastFile is room kept free for a full disk, not data.
	ballastFile = "ballast"
)

// amplifyProps let Mainstem look after its segments as often as the times are
// shorter than real ones.
func amplifyProps() map[harness.Target]map[string]string {
	return givingBack(time.Second, map[string]string{
		"mainstem.log.segment.bytes": strconv.Itoa(amplifySegment),
		"log.cleaner.backoff.ms":     "1000",
	})
}

// stock is one topic of a mix.
type stock struct {
	load    load
	seconds float64 // Of retention; 0: compacted.
}

// each is how many bytes a record takes, with its part of the batch's header.
func (k *stock) each() float64 {
	raw := k.load.newRequest(k.load.Topics[0])
	return float64(len(raw.raw)-raw.batch) / float64(k.load.perBatch())
}

// live is what of the topic's bytes can be read and is not superseded.
func (k *stock) live(records int64) float64 {
	if k.load.Keys > 0 {
		records = min(records, int64(k.load.Keys))
	}
	return float64(records) * k.each()
}

// bytesASecond is what a mix produces.
func bytesASecond(stocks []*stock) (sum float64) {
	for _, k := range stocks {
		sum += float64(k.load.Rate) * k.each()
	}
	return sum
}

// mix makes the topics of the mixed load: so many records of 1 KiB a second, a
// third of which stays for so many seconds.
func (s *stand) mix(rate int, short float64) ([]*stock, error) {
	third := load{Op: "batches", Size: kib, BatchMax: smallMax, Producers: 2, Depth: 8, Partitions: 4, Rate: rate / 3}
	keyed := load{Op: "batches", Size: 100, BatchMax: smallMax, Producers: 1, Depth: 8, Partitions: 4, Rate: amplifyKeyed, Keys: amplifyKeys}
	stocks := []*stock{{third, short}, {third, 4 * short}, {third, 16 * short}, {keyed, 0}}
	for _, k := range stocks {
		// What is newer than a segment is not compacted, so that one has to be small.
		configs := map[string]string{"cleanup.policy": "compact", "segment.bytes": "1048576", "segment.ms": "5000"}
		if k.seconds > 0 {
			configs = map[string]string{"retention.ms": strconv.Itoa(int(k.seconds * 1000))}
		}
		names, _, err := s.make(1, k.load.Partitions, configs)
		if err != nil {
			return nil, err
		}
		k.load.Topics, k.load.Addr = names, s.broker.Addr()
	}
	return stocks, nil
}

// runAmplification brings the mix to its steady state and watches it for as
// long as the longest retention.
func runAmplification(s *stand) (sample, error) {
	short := max(amplifyShort*s.scale, 2)
	stocks, err := s.mix(amplifyRate, short)
	if err != nil {
		return nil, err
	}
	longest := time.Duration(16 * short * float64(time.Second))
	settled, watched := longest+longest/4, longest
	var loads []*child
	defer func() {
		for _, c := range loads {
			c.abandon()
		}
	}()
	for _, k := range stocks {
		k.load.Seconds = int((settled + watched + time.Minute).Seconds())
		c, err := s.startChild(k.load)
		if err != nil {
			return nil, err
		}
		loads = append(loads, c)
	}
	s.say("%s: filling for %.0f s, then watching for %.0f s", s.row.name, settled.Seconds(), watched.Seconds())
	if err := s.sleep(settled); err != nil {
		return nil, err
	}
	return s.watchMix(stocks, loads, watched)
}

// sleep waits; an interrupt ends it.
func (s *stand) sleep(d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end) && s.ctx.Err() == nil; {
		time.Sleep(min(100*time.Millisecond, time.Until(end)))
	}
	return s.ctx.Err()
}

// watchMix samples disk and live bytes every second. All loads have to run
// until its end.
func (s *stand) watchMix(stocks []*stock, loads []*child, during time.Duration) (sample, error) {
	before, err := scrape(s.broker.Metrics())
	if err != nil {
		return nil, err
	}
	pid := s.broker.PID()
	cpu, err := harness.ReadCPU(pid)
	if err != nil {
		return nil, err
	}
	sampler := harness.Sample(pid, 50*time.Millisecond)
	var space []sample
	begin := time.Now()
	for time.Since(begin) < during && err == nil {
		var one sample
		if one, err = s.space(stocks, 0); err == nil {
			space = append(space, one)
			err = s.sleep(time.Second)
		}
		for _, c := range loads {
			err = errors.Join(err, c.running())
		}
		if n := len(space); n%20 == 0 && err == nil {
			s.say("%s: %s GB on the disk, %s GB live", s.row.name, number(space[n-1][mOnDisk]), number(space[n-1][mLive]))
		}
	}
	peak := sampler.Stop()
	if err != nil {
		return nil, err
	}
	after, err := scrape(s.broker.Metrics())
	if err != nil {
		return nil, err
	}
	took := time.Since(begin).Seconds()
	spent, err := harness.ReadCPU(pid)
	if err != nil {
		return nil, err
	}
	grown := func(name string) float64 { return after["mainstem_"+name] - before["mainstem_"+name] }
	appended := grown("log_appended_bytes_total")
	if due := took * bytesASecond(stocks); appended < loadLeast*due {
		return nil, fmt.Errorf("%.0f MB were appended of the %.0f that were due: this is not the load of the row", appended/1e6, due/1e6)
	}
	out := mean(space)
	most, _ := spreadOf(space, mSpace)
	out[mSpaceMost] = most.most
	out[mWrites] = 1 + grown("log_relocated_bytes_total")/appended
	out[mAppended] = appended / 1e9
	out[mCleaned] = grown("compaction_written_bytes_total") / appended
	out[mPerGB] = (spent.Total() - cpu.Total()).Seconds() / (appended / 1e9)
	out[mPeakAnon], out[mFiles] = mib(peak.Anon), float64(peak.Descriptors)
	return out, nil
}

// space is what the disk holds, and what of it lives, with so many bytes of
// others.
func (s *stand) space(stocks []*stock, others float64) (sample, error) {
	disk, err := takenBy(s.dataDir(), func(name string) bool { return name != ballastFile })
	if err != nil {
		return nil, err
	}
	live := others
	for _, k := range stocks {
		n, err := s.records(k.load.Topics)
		if err != nil {
			return nil, err
		}
		live += k.live(n)
	}
	if live == 0 {
		return nil, errors.New("nothing is live: the loads have ended early")
	}
	return sample{mOnDisk: float64(disk.stored) / 1e9, mLive: live / 1e9, mSpace: float64(disk.stored) / live}, nil
}

// records is how many lie between start and end of all partitions.
func (s *stand) records(topics []string) (n int64, err error) {
	err = s.admin(func(ctx context.Context, adm *kadm.Client) error {
		starts, err := adm.ListStartOffsets(ctx, topics...)
		if err != nil {
			return err
		}
		ends, err := adm.ListEndOffsets(ctx, topics...)
		if err != nil {
			return err
		}
		ends.Each(func(o kadm.ListedOffset) {
			at, _ := starts.Lookup(o.Topic, o.Partition)
			n += o.Offset - at.Offset
		})
		return errors.Join(starts.Error(), ends.Error())
	})
	if err != nil {
		return 0, fmt.Errorf("offsets: %w", err)
	}
	return n, nil
}
