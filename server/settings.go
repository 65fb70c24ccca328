package server

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
)

// settings are the live values of the broker settings that the server obeys.
// Those that cannot change while the broker runs are read once, as they are
// asked for with each request.
type settings struct {
	configs *cluster.Resolver
	image   func() *cluster.Image
	fixed   fixedSettings
}

// fixedSettings need a restart.
type fixedSettings struct {
	fetchBytesMax      int
	autoCreate         bool
	deleteTopics       bool
	partitions         int32
	replicationFactor  int16
	offsetsPartitions  int32
	offsetsSegment     int64
	statePartitions    int32
	stateSegment       int64
	describePartitions int32
	consumerGroups     bool
	telemetryBytes     int
	telemetrySeries    int
	idleMax            time.Duration
}

// segmentMin is the least segment.bytes that a topic may have.
const segmentMin = 1 << 20

func newSettings(configs *cluster.Resolver, image func() *cluster.Image) *settings {
	img := image()
	number := func(key string) int64 { return configs.Int(img, key) }
	return &settings{configs: configs, image: image, fixed: fixedSettings{
		fetchBytesMax:      int(number("fetch.max.bytes")),
		autoCreate:         configs.Bool(img, "auto.create.topics.enable"),
		deleteTopics:       configs.Bool(img, "delete.topic.enable"),
		partitions:         int32(number("num.partitions")),
		replicationFactor:  int16(number("default.replication.factor")),
		offsetsPartitions:  int32(number("offsets.topic.num.partitions")),
		offsetsSegment:     max(number(cluster.OffsetsSegmentKey), segmentMin),
		statePartitions:    int32(number(cluster.TxnPartitionsKey)),
		stateSegment:       max(number(cluster.TxnSegmentKey), segmentMin),
		describePartitions: int32(number("max.request.partition.size.limit")),
		consumerGroups:     slices.Contains(configs.List(img, cluster.RebalanceProtocolsKey), cluster.ProtocolConsumer),
		telemetryBytes:     int(number(cluster.TelemetryBytesKey)),
		telemetrySeries:    int(number(cluster.TelemetrySeriesKey)),
		idleMax:            configs.Duration(img, "connections.max.idle.ms", time.Millisecond),
	}}
}

func (s *settings) fetchBytesMax() int        { return s.fixed.fetchBytesMax }
func (s *settings) autoCreate() bool          { return s.fixed.autoCreate }
func (s *settings) partitionsDefault() int32  { return s.fixed.partitions }
func (s *settings) offsetsPartitions() int32  { return s.fixed.offsetsPartitions }
func (s *settings) offsetsSegment() string    { return strconv.FormatInt(s.fixed.offsetsSegment, 10) }
func (s *settings) statePartitions() int32    { return s.fixed.statePartitions }
func (s *settings) stateSegment() string      { return strconv.FormatInt(s.fixed.stateSegment, 10) }
func (s *settings) idleMax() time.Duration    { return s.fixed.idleMax }
func (s *settings) consumerGroups() bool      { return s.fixed.consumerGroups }
func (s *settings) replicationDefault() int16 { return s.fixed.replicationFactor }

func (s *settings) connectionsMax() int {
	return int(s.configs.Int(s.image(), "max.connections"))
}

// connectionsPerIPMax is the limit of one address: its override, or the
// common one.
func (s *settings) connectionsPerIPMax(ip string) int {
	img := s.image()
	for _, e := range s.configs.List(img, "max.connections.per.ip.overrides") {
		i := strings.LastIndexByte(e, ':')
		if i < 0 || e[:i] != ip {
			continue
		}
		if n, err := strconv.Atoi(e[i+1:]); err == nil {
			return n
		}
	}
	return int(s.configs.Int(img, "max.connections.per.ip"))
}
