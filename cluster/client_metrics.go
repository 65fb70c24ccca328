package cluster

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/internal/pattern"
	"github.com/mainstem-mq/mainstem/protocol"
)

// The configs of a subscription to metrics of clients (KIP-714).
const (
	subscribedMetricsKey  = "metrics"
	subscribedIntervalKey = "interval.ms"
	subscribedMatchKey    = "match"
)

// The bounds of interval.ms, and what clients without a subscription are told.
const (
	pushIntervalMin     = 100 * time.Millisecond
	pushIntervalMax     = time.Hour
	PushIntervalDefault = 5 * time.Minute
)

// ClientAttribute is what a subscription can choose clients by, in Kafka's words.
type ClientAttribute string

// The attributes.
const (
	ClientInstanceID      ClientAttribute = "client_instance_id"
	ClientID              ClientAttribute = "client_id"
	ClientSoftwareName    ClientAttribute = "client_software_name"
	ClientSoftwareVersion ClientAttribute = "client_software_version"
	ClientSourceAddress   ClientAttribute = "client_source_address"
	ClientSourcePort      ClientAttribute = "client_source_port"
)

// ClientMetrics is one subscription: who is asked for which metrics, how often.
type ClientMetrics struct {
	Name     string
	Metrics  []string // prefixes of names; "*" is all
	Interval time.Duration
	Match    map[ClientAttribute]*pattern.Pattern // all must match; none is everybody
}

// ClientSubscriptions are all that there are, in the order of their names.
func (i *Image) ClientSubscriptions() []ClientMetrics {
	all := make([]ClientMetrics, 0, len(i.ClientMetrics))
	for _, name := range slices.Sorted(maps.Keys(i.ClientMetrics)) {
		set := i.ClientMetrics[name]
		s := ClientMetrics{Name: name, Metrics: ParseList(set[subscribedMetricsKey]), Interval: PushIntervalDefault}
		if text, ok := set[subscribedIntervalKey]; ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 32) // validated before it was stored
			s.Interval = min(max(time.Duration(n)*time.Millisecond, pushIntervalMin), pushIntervalMax)
		}
		match, words := parseMatch(set[subscribedMatchKey])
		if words != "" {
			continue // A newer build's: who it is meant for nobody here can know.
		}
		s.Match = match
		all = append(all, s)
	}
	return all
}

func clientMetricsConfigDefs() []ConfigDef {
	return []ConfigDef{
		{
			Name: subscribedMetricsKey, Rule: list(),
			Doc: "The metrics that clients push, by the beginnings of their names, separated by commas; * is all of them, and none is asked for if it is empty.",
		},
		{
			Name: subscribedIntervalKey, Rule: intFrom(0), Default: strconv.FormatInt(PushIntervalDefault.Milliseconds(), 10),
			Doc: "How often clients push, from 100 to 3600000. Of several subscriptions that a client matches the shortest counts.",
		},
		{
			Name: subscribedMatchKey, Rule: list(),
			Doc: "Which clients are meant: ATTRIBUTE=PATTERN, separated by commas, of which all must match; empty is all clients. The attributes are " +
				"client_instance_id, client_id, client_software_name, client_software_version, client_source_address and client_source_port, " +
				"a pattern is a regular expression (RE2) for the whole value.",
		},
	}
}

// errUnnamedMetrics is made anew each time, as errors are their caller's.
func errUnnamedMetrics() error {
	return protocol.Errorf(protocol.InvalidRequest, "The name of a subscription to metrics of clients must not be empty.")
}

// parseMatch reads a match config, or says what is wrong with it. An attribute
// that is named again counts the last time, as in Kafka.
func parseMatch(text string) (map[ClientAttribute]*pattern.Pattern, string) {
	match := map[ClientAttribute]*pattern.Pattern{}
	for _, element := range ParseList(text) {
		name, regex, found := strings.Cut(element, "=")
		attribute := ClientAttribute(strings.TrimSpace(name))
		regex = strings.TrimSpace(regex)
		switch {
		case !found || regex == "" || strings.Contains(regex, "="):
			return nil, strconv.Quote(element) + " must be an attribute, = and a pattern without ="
		case !attribute.known():
			return nil, "a client has no attribute " + strconv.Quote(string(attribute)) + didYouMean(string(attribute), attributeNames())
		}
		p, err := pattern.Compile(regex)
		if err != nil {
			return nil, "the pattern of " + string(attribute) + " is not possible: " + err.Error()
		}
		match[attribute] = p
	}
	return match, ""
}

func (a ClientAttribute) known() bool { return slices.Contains(attributeNames(), string(a)) }

func attributeNames() []string {
	return []string{
		string(ClientInstanceID), string(ClientID), string(ClientSoftwareName), string(ClientSoftwareVersion),
		string(ClientSourceAddress), string(ClientSourcePort),
	}
}

// describeClientMetrics lists all configs of a subscription, which need not exist.
// Lists are shown as they are read.
func describeClientMetrics(set map[string]string) []ConfigValue {
	out := make([]ConfigValue, 0, len(clientMetricsDefs().list))
	for _, d := range clientMetricsDefs().list {
		v := ConfigValue{Def: d, Value: &d.Default, Source: SourceDefault}
		if value, ok := set[d.Name]; ok {
			value = strings.TrimSpace(value)
			if d.Rule.Type == TypeList {
				value = strings.Join(ParseList(value), ",")
			}
			v.Value, v.Source = &value, SourceClientMetrics
			v.Synonyms = []Synonym{{Name: d.Name, Value: value, Source: SourceClientMetrics}}
		}
		out = append(out, v)
	}
	return out
}

func clientMetricsFamily(current map[string]string) family {
	return family{
		defs: clientMetricsDefs(), current: current,
		validate: func(after map[string]string, changes []ConfigChange) error {
			// Kafka's code for it, unlike that of other resources.
			for _, c := range changes {
				if _, ok := clientMetricsDefs().byName[c.Key]; !ok && c.Value != nil {
					return protocol.Errorf(protocol.InvalidRequest, "%s",
						sentence("unknown client metrics config "+strconv.Quote(c.Key)+didYouMean(c.Key, clientMetricsDefs().names())))
				}
			}
			return validateClientMetrics(after)
		},
		lookup: func(d *ConfigDef) string { return d.Default },
	}
}

// validateClientMetrics checks the configs of a subscription as they would stand.
func validateClientMetrics(configs map[string]string) error {
	if err := clientMetricsDefs().checkAll(protocol.InvalidConfig, "client metrics", configs, Limits{}); err != nil {
		return err
	}
	if text, set := configs[subscribedIntervalKey]; set {
		ms, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if n := time.Duration(ms) * time.Millisecond; n < pushIntervalMin || n > pushIntervalMax {
			return protocol.Errorf(protocol.InvalidRequest, "%s=%d is not possible: it is from %d to %d (an hour).",
				subscribedIntervalKey, ms, pushIntervalMin.Milliseconds(), pushIntervalMax.Milliseconds())
		}
	}
	if _, words := parseMatch(configs[subscribedMatchKey]); words != "" {
		return protocol.Errorf(protocol.InvalidConfig, "%s", sentence("the config "+subscribedMatchKey+" is wrong: "+words))
	}
	return nil
}
