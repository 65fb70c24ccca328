package telemetry

import (
	"strings"
)

// The bounds of what clients choose.
const (
	nameBytesMax  = 200
	labelBytesMax = 256 // of a label's name, and of its value
	labelsMax     = 16
)

const (
	// familyPrefix keeps the names of clients apart from those of the broker, which
	// has none that begin so.
	familyPrefix = "mainstem_client_"
	// kafkaPrefix begins the names that KIP-714 has; it would say nothing here.
	kafkaPrefix   = "org.apache.kafka."
	counterSuffix = "_total"
	// gaugeSuffix keeps a gauge that is called a total apart from a counter: a
	// family has one type.
	gaugeSuffix = "_value"
)

// The labels that say whose a series is.
const (
	clientIDLabel   = "client_id"
	instanceIDLabel = "client_instance_id"
	softwareLabel   = "client_software_name"
	versionLabel    = "client_software_version"
	addressLabel    = "client_source_address"
	// pushedPrefix begins the labels of clients that would be one of those.
	pushedPrefix = "pushed_"
)

// label is a label with its value.
type label struct{ name, value string }

func compareLabels(a, b label) int { return strings.Compare(a.name, b.name) }

// familyName is what a metric is called here; false if it has no name, or one that is
// too long. Two names that differ only in their punctuation are one.
func familyName(name string, counter bool) (string, bool) {
	if name == "" || len(name) > nameBytesMax {
		return "", false
	}
	family := familyPrefix + plain(strings.TrimPrefix(name, kafkaPrefix))
	total := strings.HasSuffix(family, counterSuffix)
	switch {
	case counter && !total:
		family += counterSuffix
	case !counter && total:
		family += gaugeSuffix
	}
	return family, true
}

// labelName is what an attribute is called here. Names with two underscores in front
// are prometheus's own.
func labelName(key string) string {
	name := strings.TrimLeft(plain(key), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = pushedPrefix + name
	}
	switch name {
	case clientIDLabel, instanceIDLabel, softwareLabel, versionLabel, addressLabel:
		return pushedPrefix + name
	}
	return name
}

// plain has an underscore for all that is no ASCII letter or digit.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, s)
}
