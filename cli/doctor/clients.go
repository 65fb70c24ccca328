package doctor

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// release is a release of Java's clients, by which others say what they speak.
type release struct {
	name string
	most func() *kversion.Versions // the newest version of each request that it sends
	// asks is whether it asks for ApiVersions first. Those of before only have the
	// newest version that they know.
	asks bool
	// least are the oldest versions that it sends, where it is not 0 (KIP-896).
	least map[int16]int16
}

// releases are those in which something changed that brokers have dropped since, and the
// newest.
var releases = []release{
	{name: "0.8.2", most: kversion.V0_8_2},
	{name: "0.9", most: kversion.V0_9_0},
	{name: "0.10.0", most: kversion.V0_10_0, asks: true},
	{name: "0.10.2", most: kversion.V0_10_2, asks: true},
	{name: "0.11", most: kversion.V0_11_0, asks: true},
	{name: "1.1", most: kversion.V1_1_0, asks: true},
	{name: "2.1", most: kversion.V2_1_0, asks: true},
	{name: "2.8", most: kversion.V2_8_0, asks: true},
	{name: "3.9", most: kversion.V3_9_0, asks: true},
	{name: "4.0", most: kversion.V4_0_0, asks: true, least: leastOf4},
	{name: "4.2", most: kversion.V4_2_0, asks: true, least: leastOf4},
}

// leastOf4 is what Kafka 4 has dropped of the requests below.
var leastOf4 = map[int16]int16{0: 3, 1: 4, 2: 1, 8: 2, 9: 1, 11: 2}

// The requests that a client needs to write, and to read in a group.
var (
	producerKeys = []int16{0, 3}
	consumerKeys = []int16{1, 2, 3, 8, 9, 10, 11, 12, 13, 14}
)

// obstacle is why a release does not find a version of a request to speak; "" if it does.
func (r *release) obstacle(key int16, served map[int16]kmsg.ApiVersionsResponseApiKey) string {
	most, knows := r.most().LookupMaxKeyVersion(key)
	if !knows {
		return "" // it is from before there was such a thing
	}
	least := r.least[key]
	if !r.asks {
		least = most
	}
	name := kmsg.NameForKey(key)
	k, ok := served[key]
	switch {
	case !ok:
		return name + " is not served"
	case most < k.MinVersion:
		return fmt.Sprintf("%s: it speaks up to v%d, the broker from v%d on", name, most, k.MinVersion)
	case least > k.MaxVersion && r.asks:
		return fmt.Sprintf("%s: it speaks from v%d on, the broker up to v%d", name, least, k.MaxVersion)
	case least > k.MaxVersion:
		return fmt.Sprintf("%s: it speaks v%d, the broker up to v%d", name, least, k.MaxVersion)
	}
	return ""
}

func (r *release) obstacles(keys []int16, served map[int16]kmsg.ApiVersionsResponseApiKey) []string {
	var all []string
	for _, key := range keys {
		if why := r.obstacle(key, served); why != "" {
			all = append(all, why)
		}
	}
	return all
}

// before011 reports whether a release is from before the record format of 0.11.
func (r *release) before011() bool {
	produce, _ := r.most().LookupMaxKeyVersion(0)
	return produce < 3
}

// shutOut are releases that do not find versions, for the same kind of reason.
type shutOut struct {
	names  []string
	what   string
	before bool     // 0.11
	why    []string // of the last of them
}

// clients says which clients do not find versions that the broker speaks.
func (e *exam) clients(p *peer) {
	var fine []string
	var out []shutOut
	for i := range releases {
		r := &releases[i]
		writing, reading := r.obstacles(producerKeys, p.served), r.obstacles(consumerKeys, p.served)
		if len(writing)+len(reading) == 0 {
			fine = append(fine, r.name)
			continue
		}
		s := shutOut{what: "clients", before: r.before011(), why: unique(append(writing, reading...))}
		switch {
		case len(writing) == 0:
			s.what = "consumers"
		case len(reading) == 0:
			s.what = "producers"
		}
		if n := len(out); n > 0 && out[n-1].what == s.what && out[n-1].before == s.before {
			s.names = out[n-1].names
			out = out[:n-1]
		}
		s.names = append(s.names, r.name)
		out = append(out, s)
	}
	for i := range out {
		e.find(out[i].finding())
	}
	if len(fine) > 0 {
		e.ok(checkClients, "find versions that they speak: Kafka's clients of "+strings.Join(fine, ", "))
	}
}

func (s *shutOut) finding() Finding {
	f := Finding{Check: checkClients, Mark: Warning, Next: "use newer clients, or a broker that serves theirs"}
	f.Text = fmt.Sprintf("%s of Kafka %s are shut out; %s: %s", s.what, strings.Join(s.names, ", "), s.names[len(s.names)-1], strings.Join(s.why, "; "))
	if s.before {
		f.Means = "brokers of Kafka 4 end their connection without a word; others that speak as Kafka did before 0.11 do not work either: " +
			"librdkafka before 0.11, sarama with a Config.Version below V0_11_0_0"
	} else {
		f.Means = "they say that the broker does not support the required version"
	}
	return f
}

func unique(words []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, w := range words {
		if !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
	}
	return out
}
