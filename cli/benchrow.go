package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/mainstem-mq/mainstem/internal/words"
)

// benchRow is what one thing that was done took: a line of the table.
type benchRow struct {
	what  string
	begun time.Time
	mu    struct {
		sync.Mutex
		took        time.Duration // from begun to the last that was done
		done, bytes int64
		failed      int64
		first       error
		latency     *hdrhistogram.Histogram // in µs
	}
}

// latencyMost is the longest latency that is told apart from longer ones.
const latencyMost = time.Hour

func (r *benchRun) row(what string) *benchRow {
	row := &benchRow{what: what, begun: r.shell.Clock.Now()}
	row.mu.latency = hdrhistogram.New(1, latencyMost.Microseconds(), 3)
	r.rows = append(r.rows, row)
	return row
}

// done takes the outcome of one.
func (b *benchRow) done(now time.Time, latency time.Duration, bytes int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		if b.mu.failed++; b.mu.first == nil {
			b.mu.first = err
		}
		return
	}
	b.mu.took = max(b.mu.took, now.Sub(b.begun))
	b.mu.done, b.mu.bytes = b.mu.done+1, b.mu.bytes+int64(bytes)
	if latency >= 0 {
		// It is within the bounds of the histogram.
		_ = b.mu.latency.RecordValue(min(max(latency, time.Microsecond), latencyMost).Microseconds())
	}
}

// text is how far it is.
func (b *benchRow) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := fmt.Sprintf("%s: %d, %s", b.what, b.mu.done, words.Bytes(b.mu.bytes))
	if b.mu.failed > 0 {
		text += fmt.Sprintf(", %d failed", b.mu.failed)
	}
	return text
}

// benchLatency is in milliseconds.
type benchLatency struct {
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

// benchResult is a line of the table.
type benchResult struct {
	What    string        `json:"what"`
	Count   int64         `json:"count"`
	Bytes   int64         `json:"bytes"`
	Seconds float64       `json:"seconds"`
	Rate    float64       `json:"perSecond"`
	MB      float64       `json:"mbPerSecond"`
	Latency *benchLatency `json:"latencyMs,omitempty"`
	Errors  int64         `json:"errors"`
	First   string        `json:"firstError,omitempty"`
}

func (b *benchRow) result() benchResult {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := benchResult{What: b.what, Count: b.mu.done, Bytes: b.mu.bytes, Seconds: b.mu.took.Seconds(), Errors: b.mu.failed}
	if out.Seconds > 0 {
		out.Rate, out.MB = float64(out.Count)/out.Seconds, float64(out.Bytes)/1e6/out.Seconds
	}
	if h := b.mu.latency; h.TotalCount() > 0 {
		at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
		out.Latency = &benchLatency{at(50), at(95), at(99), at(99.9), float64(h.Max()) / 1000}
	}
	if b.mu.first != nil {
		out.First = b.mu.first.Error()
	}
	return out
}

// benchReport is all of a measurement.
type benchReport struct {
	Topic       string        `json:"topic,omitempty"`
	Interrupted bool          `json:"interrupted"`
	Rate        float64       `json:"intendedPerSecond,omitempty"`
	Results     []benchResult `json:"results"`
}

// show prints what was measured, and makes an error of what failed.
func (r *benchRun) show() error {
	if len(r.rows) == 0 {
		return nil
	}
	report := benchReport{Topic: r.name, Interrupted: r.ctx.Err() != nil, Rate: r.rate}
	var failed int64
	for _, row := range r.rows {
		result := row.result()
		if result.Errors > 0 && result.First != "" {
			failed += result.Errors
		}
		report.Results = append(report.Results, result)
	}
	err := r.flags.show(r.cmd.OutOrStdout(), report, func(p *printer) { p.bench(&report) })
	if err == nil && failed > 0 {
		err = fmt.Errorf("%s", words.Counted(failed, "error", "errors"))
	}
	return err
}

func (p *printer) bench(report *benchReport) {
	head := []string{"WHAT", "COUNT", "SECONDS", "PER SECOND", "MB/S", "P50 MS", "P95", "P99", "P99.9", "MAX", "ERRORS"}
	p.rows(head, nil, len(report.Results), func(i int) (cells, more []string) {
		b := &report.Results[i]
		cells = []string{b.What, fmt.Sprint(b.Count), fmt.Sprintf("%.2f", b.Seconds), fmt.Sprintf("%.0f", b.Rate), fmt.Sprintf("%.2f", b.MB)}
		if b.Latency == nil {
			cells = append(cells, "-", "-", "-", "-", "-")
		} else {
			for _, ms := range []float64{b.Latency.P50, b.Latency.P95, b.Latency.P99, b.Latency.P999, b.Latency.Max} {
				cells = append(cells, fmt.Sprintf("%.2f", ms))
			}
		}
		return append(cells, fmt.Sprint(b.Errors)), nil
	})
	for _, b := range report.Results {
		if b.First != "" {
			p.printf("the first error of %s: %s\n", b.What, words.Shown(b.First))
		}
	}
	if report.Interrupted {
		p.printf("interrupted: this is what was done until then\n")
	}
}
