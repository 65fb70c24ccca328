package telemetry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// tool runs Apache Kafka's tool for subscriptions.
func tool(t *testing.T, args ...string) harness.Output {
	t.Helper()
	args = append([]string{"--bootstrap-server", shared.Addr()}, args...)
	out, err := harness.JavaTool(testbroker.Context(t, time.Minute), "", "org.apache.kafka.tools.ClientMetricsCommand", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// subscribe asks one client for all its metrics, twice a second, until the test ends.
func subscribe(t *testing.T, clientID string) {
	t.Helper()
	cl := shared.Client(t, kgo.DisableClientMetrics())
	alter := func(ctx context.Context, op kmsg.IncrementalAlterConfigOp) {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		res := kmsg.NewIncrementalAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeClientMetrics, clientID
		for name, value := range map[string]string{"metrics": "*", "interval.ms": "500", "match": "client_id=" + regexp.QuoteMeta(clientID)} {
			res.Configs = append(res.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Op: op, Name: name, Value: &value})
		}
		req.Resources = append(req.Resources, res)
		resp, err := req.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.Resources[0].ErrorCode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	alter(testbroker.Context(t, time.Minute), kmsg.IncrementalAlterConfigOpSet)
	t.Cleanup(func() { alter(context.Background(), kmsg.IncrementalAlterConfigOpDelete) })
}

// sample is a line of a scrape.
type sample struct {
	name   string
	labels string
	value  float64
}

var sampleLine = regexp.MustCompile(`^([a-z_A-Z0-9]+)\{(.*)\} (\S+)$`)

// pushed is what the broker shows of a client.
func pushed(clientID string) ([]sample, error) {
	resp, err := http.Get(shared.Broker().Metrics())
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, text)
	}
	var all []sample
	for line := range strings.Lines(string(text)) {
		m := sampleLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || !strings.Contains(m[2], fmt.Sprintf("client_id=%q", clientID)) {
			continue
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		all = append(all, sample{m[1], m[2], v})
	}
	return all, nil
}

// shows waits until the broker shows a metric of a client with such labels and a value above 0.
func shows(t *testing.T, clientID, name string, labels ...string) float64 {
	t.Helper()
	found := 0.0
	testbroker.Eventually(t, 20*time.Second, func() error {
		all, err := pushed(clientID)
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.name == name && s.value > 0 && hasAll(s.labels, labels) {
				found = s.value
				return nil
			}
		}
		return fmt.Errorf("no %s of %s with %v among %d series: %v", name, clientID, labels, len(all), all)
	})
	return found
}

func hasAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
