package main

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// scrapeMost bounds the wait for a broker's metrics.
const scrapeMost = 30 * time.Second

// scrape reads a broker's metrics. Figures of one name with different labels
// are added up.
func scrape(url string) (map[string]float64, error) {
	// A broker that hangs is an error, and no wait for ever.
	resp, err := (&http.Client{Timeout: scrapeMost}).Get(url) //nolint:noctx // A local broker, and the client's own timeouts.
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", line, err)
		}
		name, _, _ := strings.Cut(line[:at], "{")
		out[name] += v
	}
	return out, lines.Err()
}
