package server

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// api is one row of the table: what is served, and by whom.
type api struct {
	key      protocol.Key
	min, max int16
	// keepsBytes: the handler holds on to byte fields of the request, so it is
	// decoded from memory of its own.
	keepsBytes bool
	// parks: the handler may wait for other connections, so the call holds
	// nothing of the memory for answers after its first phase.
	parks   bool
	handle  func(*Server, *call, kmsg.Request)
	weigher func(*Server, kmsg.Request) int // of the answer; nil: ratio times the request
	ratio   int
	stats   *apiStats
}

func (a *api) serves(version int16) bool { return version >= a.min && version <= a.max }

func (a *api) rangeText() string {
	if a == nil {
		return "none"
	}
	return fmt.Sprintf("%d-%d", a.min, a.max)
}

// table is all served APIs. Dispatch and ApiVersions both read it, so that
// what is advertised is what is served.
type table struct {
	rows      [128]*api
	served    []protocol.VersionRange
	strangers *api // stands for all that is not served, in the metrics
}

func (t *table) find(k protocol.Key) *api {
	if k < 0 || int(k) >= len(t.rows) {
		return nil
	}
	return t.rows[k]
}

// typed makes a row's handler from a method that takes its own request type.
func typed[R kmsg.Request](f func(*Server, *call, R)) func(*Server, *call, kmsg.Request) {
	return func(s *Server, c *call, req kmsg.Request) { f(s, c, as[R](req)) }
}

// weighed is typed for weighers.
func weighed[R kmsg.Request](f func(*Server, R) int) func(*Server, kmsg.Request) int {
	return func(s *Server, req kmsg.Request) int { return f(s, as[R](req)) }
}

// as is the request as what the table's row takes.
func as[R kmsg.Request](req kmsg.Request) R {
	r, ok := req.(R)
	if !ok {
		panic(fmt.Sprintf("server: the table's row of %s takes another request", protocol.Key(req.Key())))
	}
	return r
}

// rows is the table. The version ranges end where Kafka 4.2's do; when a version is
// added to one, its card must say what it brought. They begin at 0, where Kafka 4.2
// has dropped what clients from before 0.11 and 2.1 send: see legacy.go. Flexible
// versions are the business of protocol.Key.
//
// Not served, and so not advertised:
// security (but for what is true without it: no user has SCRAM credentials), share
// and streams groups, and all that only brokers ask each other.
func rows() []api {
	return []api{
		{key: protocol.KeyProduce, min: 0, max: 13, handle: typed((*Server).produce), ratio: producedRatio},
		{key: protocol.KeyFetch, min: 0, max: 18, parks: true, handle: typed((*Server).fetch), weigher: weighed((*Server).weighFetch)},
		{key: protocol.KeyListOffsets, min: 0, max: 11, handle: typed((*Server).listOffsets)},
		{key: protocol.KeyMetadata, min: 0, max: 13, handle: typed((*Server).metadata), weigher: weighed((*Server).weighMetadata)},
		{key: protocol.KeyOffsetCommit, min: 0, max: 10, handle: typed((*Server).offsetCommit), weigher: weighed((*Server).weighOffsetCommit)},
		{key: protocol.KeyOffsetFetch, min: 0, max: 10, handle: typed((*Server).offsetFetch), weigher: weighed((*Server).weighOffsetFetch)},
		{key: protocol.KeyFindCoordinator, min: 0, max: 6, handle: typed((*Server).findCoordinator)},
		{key: protocol.KeyJoinGroup, min: 0, max: 9, keepsBytes: true, parks: true, handle: typed((*Server).joinGroup), weigher: weighedLater},
		{key: protocol.KeyHeartbeat, min: 0, max: 4, handle: typed((*Server).heartbeat)},
		{key: protocol.KeyLeaveGroup, min: 0, max: 5, handle: typed((*Server).leaveGroup)},
		{key: protocol.KeySyncGroup, min: 0, max: 5, keepsBytes: true, parks: true, handle: typed((*Server).syncGroup), weigher: weighedLater},
		{key: protocol.KeyDescribeGroups, min: 0, max: 6, handle: typed((*Server).describeGroups), weigher: weighed((*Server).weighDescribeGroups)},
		{key: protocol.KeyListGroups, min: 0, max: 5, handle: typed((*Server).listGroups), weigher: weighed((*Server).weighListGroups)},
		{key: protocol.KeyApiVersions, min: 0, max: protocol.ApiVersionsVersionMax, handle: typed((*Server).apiVersions)},
		{key: protocol.KeyCreateTopics, min: 0, max: 7, handle: typed((*Server).createTopics), weigher: weighed((*Server).weighCreateTopics)},
		{key: protocol.KeyDeleteTopics, min: 0, max: 6, handle: typed((*Server).deleteTopics)},
		{key: protocol.KeyDeleteRecords, min: 0, max: 2, handle: typed((*Server).deleteRecords)},
		{key: protocol.KeyInitProducerID, min: 0, max: 5, handle: typed((*Server).initProducerID)},
		{key: protocol.KeyAddPartitionsToTxn, min: 0, max: 5, handle: typed((*Server).addPartitionsToTxn)},
		{key: protocol.KeyAddOffsetsToTxn, min: 0, max: 4, handle: typed((*Server).addOffsetsToTxn)},
		{key: protocol.KeyEndTxn, min: 0, max: 5, handle: typed((*Server).endTxn)},
		{key: protocol.KeyWriteTxnMarkers, min: 1, max: 2, handle: typed((*Server).writeTxnMarkers), weigher: weighed((*Server).weighTxnMarkers)},
		{key: protocol.KeyTxnOffsetCommit, min: 0, max: 5, handle: typed((*Server).txnOffsetCommit)},
		{key: protocol.KeyOffsetForLeaderEpoch, min: 0, max: 4, handle: typed((*Server).offsetForLeaderEpoch)},
		{key: protocol.KeyDescribeConfigs, min: 0, max: 4, handle: typed((*Server).describeConfigs), weigher: weighed((*Server).weighDescribeConfigs)},
		{key: protocol.KeyAlterConfigs, min: 0, max: 2, handle: typed((*Server).alterConfigs)},
		{key: protocol.KeyDescribeLogDirs, min: 0, max: 4, handle: typed((*Server).describeLogDirs), weigher: weighed((*Server).weighDescribeLogDirs)},
		{key: protocol.KeyCreatePartitions, min: 0, max: 3, handle: typed((*Server).createPartitions)},
		{key: protocol.KeyDeleteGroups, min: 0, max: 2, handle: typed((*Server).deleteGroups)},
		{key: protocol.KeyElectLeaders, min: 0, max: 2, handle: typed((*Server).electLeaders), weigher: weighed((*Server).weighElections)},
		{key: protocol.KeyIncrementalAlterConfigs, min: 0, max: 1, handle: typed((*Server).incrementalAlterConfigs)},
		{key: protocol.KeyAlterPartitionReassignments, min: 0, max: 1, handle: typed((*Server).alterPartitionReassignments), weigher: weighed((*Server).weighReassignments)},
		{key: protocol.KeyListPartitionReassignments, min: 0, max: 0, handle: typed((*Server).listPartitionReassignments)},
		{key: protocol.KeyOffsetDelete, min: 0, max: 0, handle: typed((*Server).offsetDelete)},
		{key: protocol.KeyDescribeClientQuotas, min: 0, max: 1, handle: typed((*Server).describeClientQuotas), weigher: weighed((*Server).weighClientQuotas)},
		{key: protocol.KeyAlterClientQuotas, min: 0, max: 1, handle: typed((*Server).alterClientQuotas)},
		{key: protocol.KeyDescribeUserScramCredentials, min: 0, max: 0, handle: typed((*Server).describeUserScramCredentials), weigher: weighed((*Server).weighScramCredentials)},
		{key: protocol.KeyDescribeQuorum, min: 0, max: 2, handle: typed((*Server).describeQuorum)},
		{key: protocol.KeyUpdateFeatures, min: 0, max: 2, handle: typed((*Server).updateFeatures)},
		{key: protocol.KeyDescribeCluster, min: 0, max: 2, handle: typed((*Server).describeCluster)},
		{key: protocol.KeyDescribeProducers, min: 0, max: 0, handle: typed((*Server).describeProducers), weigher: weighed((*Server).weighProducers)},
		{key: protocol.KeyUnregisterBroker, min: 0, max: 0, handle: typed((*Server).unregisterBroker)},
		{key: protocol.KeyDescribeTransactions, min: 0, max: 0, handle: typed((*Server).describeTransactions), weigher: weighedLater},
		{key: protocol.KeyListTransactions, min: 0, max: 2, handle: typed((*Server).listTransactions), weigher: weighedLater},
		{key: protocol.KeyConsumerGroupHeartbeat, min: 0, max: 1, handle: typed((*Server).consumerGroupHeartbeat)},
		{key: protocol.KeyConsumerGroupDescribe, min: 0, max: 1, handle: typed((*Server).consumerGroupDescribe), weigher: weighed((*Server).weighConsumerGroupDescribe)},
		{key: protocol.KeyGetTelemetrySubscriptions, min: 0, max: 0, handle: typed((*Server).getTelemetrySubscriptions), weigher: weighed((*Server).weighTelemetrySubscriptions)},
		{key: protocol.KeyPushTelemetry, min: 0, max: 0, keepsBytes: true, handle: typed((*Server).pushTelemetry), ratio: 1},
		{key: protocol.KeyListConfigResources, min: 0, max: 1, handle: typed((*Server).listConfigResources), weigher: weighed((*Server).weighListConfigResources)},
		{key: protocol.KeyDescribeTopicPartitions, min: 0, max: 0, handle: typed((*Server).describeTopicPartitions), weigher: weighed((*Server).weighDescribeTopicPartitions)},
	}
}

// newTable is the table of what is served here.
func newTable(m *metrics, serves func(protocol.Key) bool) *table {
	t := &table{strangers: &api{stats: m.api("other", 0)}}
	all := slices.DeleteFunc(rows(), func(a api) bool { return !serves(a.key) })
	for i := range all {
		a := &all[i]
		a.stats = m.api(a.key.String(), a.max)
		t.rows[a.key] = a
		t.served = append(t.served, protocol.VersionRange{Key: a.key, Min: a.min, Max: a.max})
	}
	return t
}
