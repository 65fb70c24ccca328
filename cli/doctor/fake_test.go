package doctor_test

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fakeBroker speaks just as much of Kafka's protocol as the doctor asks for, and lies as
// it is told to.
type fakeBroker struct {
	cluster     string
	node        int32              // that it is
	controller  int32              // that it names
	brokers     []fakeAddress      // that it names
	served      map[int16][2]int16 // versions; nil: all
	mechanisms  []string           // it wants a login, by one of these
	topics      map[string]bool    // that there are
	coordinator int16              // the error code of FindCoordinator
	appendTime  int64              // that records get
	asked       chan int16         // keys, if it is not nil
}

type fakeAddress struct {
	node int32
	host string
	port int32
}

// listen serves connections until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, serve)
}

func serveOn(t *testing.T, l net.Listener, serve func(net.Conn)) string {
	t.Helper()
	var running sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	running.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[nc] = true
			mu.Unlock()
			running.Go(func() {
				defer nc.Close()
				serve(nc)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for nc := range open {
			_ = nc.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}

// at is an address, taken apart.
func at(t *testing.T, node int32, address string) fakeAddress {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return fakeAddress{node, host, int32(port)}
}

func (b *fakeBroker) serve(nc net.Conn) {
	for {
		var head [4]byte
		if _, err := io.ReadFull(nc, head[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > 1<<20 {
			return // as Kafka does
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(nc, frame); err != nil {
			return
		}
		answer := b.answer(frame)
		if answer == nil {
			return
		}
		if _, err := nc.Write(answer); err != nil {
			return
		}
	}
}

// answer is that to one request; nil ends the connection.
func (b *fakeBroker) answer(frame []byte) []byte {
	key, version := int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
	if b.asked != nil {
		b.asked <- key
	}
	req := kmsg.RequestForKey(key)
	req.SetVersion(version)
	body := frame[10+int(binary.BigEndian.Uint16(frame[8:])):]
	if req.IsFlexible() {
		body = body[1:]
	}
	if err := req.ReadFrom(body); err != nil {
		return nil
	}
	resp := b.respond(req)
	if resp == nil {
		return nil
	}
	out := append(make([]byte, 4), frame[4:8]...)
	if resp.IsFlexible() && key != 18 {
		out = append(out, 0)
	}
	out = resp.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

func (b *fakeBroker) respond(req kmsg.Request) kmsg.Response {
	if b.mechanisms != nil && req.Key() != 18 && req.Key() != 17 {
		return nil
	}
	switch req := req.(type) {
	case *kmsg.ApiVersionsRequest:
		return b.versions(req)
	case *kmsg.SASLHandshakeRequest:
		resp := kmsg.NewPtrSASLHandshakeResponse()
		resp.Version, resp.ErrorCode, resp.SupportedMechanisms = req.Version, 34, b.mechanisms
		if b.mechanisms != nil {
			resp.ErrorCode = 33
		}
		return resp
	case *kmsg.MetadataRequest:
		return b.metadata(req)
	case *kmsg.DescribeConfigsRequest:
		resp := kmsg.NewPtrDescribeConfigsResponse()
		resp.Version = req.Version
		r := kmsg.NewDescribeConfigsResponseResource()
		if req.Resources[0].ResourceName != strconv.Itoa(int(b.node)) {
			r.ErrorCode, r.ErrorMessage = 42, kmsg.StringPtr("Unexpected broker id")
		}
		resp.Resources = append(resp.Resources, r)
		return resp
	case *kmsg.FindCoordinatorRequest:
		resp := kmsg.NewPtrFindCoordinatorResponse()
		resp.Version, resp.NodeID, resp.ErrorCode = req.Version, b.node, b.coordinator
		return resp
	case *kmsg.ProduceRequest:
		return b.produced(req)
	}
	return nil
}

func (b *fakeBroker) versions(req *kmsg.ApiVersionsRequest) kmsg.Response {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.Version = req.Version
	if v, ok := b.served[18]; ok && req.Version > v[1] {
		resp.Version, resp.ErrorCode = 0, 35
		return resp
	}
	for key := range int16(93) {
		r := kmsg.RequestForKey(key)
		if r == nil {
			continue
		}
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MaxVersion = key, r.MaxVersion()
		if v, ok := b.served[key]; ok {
			k.MinVersion, k.MaxVersion = v[0], v[1]
		}
		if k.MaxVersion >= 0 {
			resp.ApiKeys = append(resp.ApiKeys, k)
		}
	}
	return resp
}

func (b *fakeBroker) metadata(req *kmsg.MetadataRequest) kmsg.Response {
	resp := kmsg.NewPtrMetadataResponse()
	resp.Version, resp.ClusterID, resp.ControllerID = req.Version, &b.cluster, b.controller
	for _, a := range b.brokers {
		r := kmsg.NewMetadataResponseBroker()
		r.NodeID, r.Host, r.Port = a.node, a.host, a.port
		resp.Brokers = append(resp.Brokers, r)
	}
	for _, asked := range req.Topics {
		t := kmsg.NewMetadataResponseTopic()
		t.Topic = asked.Topic
		if !b.topics[*asked.Topic] {
			t.ErrorCode = 3
		} else {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Leader = b.node
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

// produced takes a record that can be read, and no other.
func (b *fakeBroker) produced(req *kmsg.ProduceRequest) kmsg.Response {
	resp := kmsg.NewPtrProduceResponse()
	resp.Version = req.Version
	t, p := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
	t.Topic, p.LogAppendTime = req.Topics[0].Topic, b.appendTime
	var batch kmsg.RecordBatch
	if err := batch.ReadFrom(req.Topics[0].Partitions[0].Records); err != nil || batch.NumRecords != 1 {
		p.ErrorCode = 2
	}
	t.Partitions = append(t.Partitions, p)
	resp.Topics = append(resp.Topics, t)
	return resp
}
