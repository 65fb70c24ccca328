package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// errEnded says that the process ended before it was ready.
var errEnded = errors.New("the process has ended")

// pollEvery is how closely a start is timed.
const pollEvery = 5 * time.Millisecond

// awaitMetadata asks for Metadata until an answer names a broker, which is the
// first moment a client can begin to work.
func awaitMetadata(ctx context.Context, addr string, ended <-chan struct{}) error {
	return poll(ctx, ended, func() error {
		conn, err := Dial(addr, time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		req := kmsg.NewPtrMetadataRequest()
		req.SetVersion(1)
		req.Topics = []kmsg.MetadataRequestTopic{}
		answer, err := conn.Ask(req, 2*time.Second)
		if err != nil {
			return err
		}
		resp, ok := answer.(*kmsg.MetadataResponse)
		if !ok {
			return fmt.Errorf("metadata answer is a %T", answer)
		}
		if len(resp.Brokers) == 0 {
			return errors.New("the metadata name no broker yet")
		}
		return nil
	})
}

// awaitHTTP asks a health URL until it answers 200.
func awaitHTTP(ctx context.Context, url string, ended <-chan struct{}) error {
	return poll(ctx, ended, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, resp.Status)
		}
		return nil
	})
}

// poll tries until there is no error, the context is done or the process ends.
func poll(ctx context.Context, ended <-chan struct{}, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("%w; last try: %w", ctx.Err(), err)
		case <-time.After(pollEvery):
		}
	}
}
