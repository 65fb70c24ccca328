package txn

import (
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// fakeMarkers writes markers as a test wants it.
type fakeMarkers struct {
	say  func(format string, args ...any)
	rest func()                                                // after each job that waited
	take func(MarkerJob, model.TopicPartition) *protocol.Error // of one that does not fail; nil: all are taken

	mu   sync.Mutex
	hold bool
	fail map[model.TopicPartition]protocol.ErrorCode
	jobs []func() // that wait
}

func (f *fakeMarkers) write(job MarkerJob, done func([]*protocol.Error)) {
	result := "abort"
	if job.Commit {
		result = "commit"
	}
	bumped := ""
	if job.BumpedEpoch {
		bumped = " bumped"
	}
	f.say("markers %s %s %s by=%d%s%s", job.ID, result, producerText(job.Producer), job.CoordinatorEpoch, bumped, partitionsText(job.Partitions))
	end := func() { done(f.outcomes(job)) }
	f.mu.Lock()
	hold := f.hold
	if hold {
		f.jobs = append(f.jobs, end)
	}
	f.mu.Unlock()
	if !hold {
		end()
	}
}

// outcomes are as things stand when the markers are written.
func (f *fakeMarkers) outcomes(job MarkerJob) []*protocol.Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]*protocol.Error, len(job.Partitions))
	for i, p := range job.Partitions {
		if code := f.fail[p]; code != protocol.NoError {
			out[i] = protocol.Errorf(code, "%s-%d is so", p.Topic, p.Partition)
		} else if f.take != nil {
			out[i] = f.take(job, p)
		}
	}
	return out
}

// release writes the markers of the first n jobs that wait, of all for -1.
func (f *fakeMarkers) release(n int) {
	f.mu.Lock()
	if n < 0 || n > len(f.jobs) {
		n = len(f.jobs)
	}
	jobs := f.jobs[:n:n]
	f.jobs = f.jobs[n:]
	f.mu.Unlock()
	for _, end := range jobs {
		end()
		f.rest()
	}
}

func (f *fakeMarkers) set(hold bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold = hold
}

func (f *fakeMarkers) command(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	switch what := d.CmdArgs[0].Key; what {
	case "hold":
		f.set(true)
	case "flow":
		f.set(false)
		f.release(-1)
	case "release":
		n := -1
		d.MaybeScanArgs(t, "n", &n)
		f.release(n)
	case "fail":
		for _, arg := range d.CmdArgs[1:] {
			f.fail[argumentsOf(t, d).partition(arg.Key)] = codeNamed(t, arg.Vals[0])
		}
	case "heal":
		clear(f.fail)
	default:
		d.Fatalf(t, "markers %s?", what)
	}
}

func codeNamed(t *testing.T, name string) protocol.ErrorCode {
	t.Helper()
	for code := protocol.ErrorCode(1); code < 200; code++ {
		if code.String() == name {
			return code
		}
	}
	t.Fatal(fmt.Errorf("no code is called %s", name))
	return 0
}
