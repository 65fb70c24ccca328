package telemetry

import (
	"math"
	"slices"
	"strconv"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// drop is why a point that a client pushed is not kept.
type drop int

// The reasons.
const (
	dropUnasked drop = iota // no subscription asks for it
	dropType                // neither a gauge nor a sum
	dropForm                // a name, label or value that cannot be kept, or too many labels
	dropClient              // the client has its share of the series
	dropFull                // all clients together have all
	dropCount
)

// String is the reason as a label.
func (d drop) String() string {
	return [...]string{"not_subscribed", "type", "form", "client_limit", "limit"}[d]
}

// point is one value of a push.
type point struct {
	family  string  // prometheus's name
	labels  []label // in the order of their names
	value   float64
	counter bool // it only rises
	delta   bool // the value is what was added since the last push
}

// points is what of a push may be kept.
type points struct {
	list     []point
	resource []label // what the client says of itself
	dropped  [dropCount]uint64
}

// pointsOf takes what was asked for out of the message.
func pointsOf(data *metricsv1.MetricsData, asked *plan) points {
	var all points
	for _, of := range data.GetResourceMetrics() {
		if labels, ok := labelsOf(of.GetResource().GetAttributes()); ok && len(all.resource) == 0 {
			all.resource = labels
		}
		for _, scope := range of.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				all.add(m, asked)
			}
		}
	}
	return all
}

func (all *points) add(m *metricsv1.Metric, asked *plan) {
	var of point
	var values []*metricsv1.NumberDataPoint
	switch data := m.GetData().(type) {
	case *metricsv1.Metric_Gauge:
		values = data.Gauge.GetDataPoints()
	case *metricsv1.Metric_Sum:
		values, of.counter = data.Sum.GetDataPoints(), data.Sum.GetIsMonotonic()
		of.delta = data.Sum.GetAggregationTemporality() == metricsv1.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	default:
		all.dropped[dropType] += uint64(len(m.GetHistogram().GetDataPoints()) +
			len(m.GetExponentialHistogram().GetDataPoints()) + len(m.GetSummary().GetDataPoints()))
		return
	}
	family, ok := familyName(m.GetName(), of.counter)
	switch {
	case !asked.wants(m.GetName()):
		all.dropped[dropUnasked] += uint64(len(values))
		return
	case !ok:
		all.dropped[dropForm] += uint64(len(values))
		return
	}
	of.family = family
	for _, v := range values {
		if v.GetFlags()&uint32(metricsv1.DataPointFlags_DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK) != 0 {
			continue
		}
		p := of
		if p.labels, ok = labelsOf(v.GetAttributes()); !ok {
			all.dropped[dropForm]++
			continue
		}
		switch n := v.GetValue().(type) {
		case *metricsv1.NumberDataPoint_AsDouble:
			p.value = n.AsDouble
		case *metricsv1.NumberDataPoint_AsInt:
			p.value = float64(n.AsInt)
		default:
			all.dropped[dropType]++
			continue
		}
		if p.delta && (math.IsNaN(p.value) || math.IsInf(p.value, 0)) {
			all.dropped[dropForm]++ // it would spoil the sum for ever
			continue
		}
		all.list = append(all.list, p)
	}
}

// labelsOf makes labels of attributes, in the order of their names; it fails if they
// are too many, too long, or twice the same.
func labelsOf(attributes []*commonv1.KeyValue) ([]label, bool) {
	if len(attributes) > labelsMax {
		return nil, false
	}
	labels := make([]label, 0, len(attributes))
	for _, a := range attributes {
		value, ok := text(a.GetValue())
		if !ok || len(value) > labelBytesMax || len(a.GetKey()) > labelBytesMax {
			return nil, false
		}
		if value != "" { // prometheus takes an empty one for none
			labels = append(labels, label{labelName(a.GetKey()), value})
		}
	}
	slices.SortFunc(labels, compareLabels)
	twice := slices.CompactFunc(slices.Clone(labels), func(a, b label) bool { return a.name == b.name })
	return labels, len(twice) == len(labels)
}

// text is an attribute's value, if it is no list.
func text(v *commonv1.AnyValue) (string, bool) {
	switch x := v.GetValue().(type) {
	case *commonv1.AnyValue_StringValue:
		return x.StringValue, true
	case *commonv1.AnyValue_BoolValue:
		return strconv.FormatBool(x.BoolValue), true
	case *commonv1.AnyValue_IntValue:
		return strconv.FormatInt(x.IntValue, 10), true
	case *commonv1.AnyValue_DoubleValue:
		return strconv.FormatFloat(x.DoubleValue, 'g', -1, 64), true
	case nil:
		return "", true
	}
	return "", false
}
