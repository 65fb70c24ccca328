package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// codeError is a Kafka error code; nil if it is none.
func codeError(code int16) error { return kerr.ErrorForCode(code) }

// use is a thing that clients do, and the requests that they need for it.
type use struct {
	what string
	keys []int16
	vain string // what fails without
	mark Mark
}

// uses are those that the broker should serve.
var uses = []use{
	{"writing", []int16{0, 3}, "nobody can write records", Failure},
	{"reading", []int16{1, 2, 3}, "nobody can read records", Failure},
	{"consumer groups", []int16{8, 9, 10, 11, 12, 13, 14}, "consumers with a group.id do not work", Warning},
	{"idempotent producers", []int16{22}, "Java's producers from 3.0 on do not work without enable.idempotence=false", Warning},
	{"transactions", []int16{10, 22, 24, 25, 26, 28}, "producers with a transactional.id do not work, nor exactly-once of Streams, Flink and Connect", Warning},
	{"making topics", []int16{19}, "admin clients, Connect and Streams cannot make their topics", Warning},
	{"settings of topics", []int16{32}, "admin clients and consoles cannot show settings", Warning},
}

// producerAndConsumer are the requests whose versions say most of a broker's age.
var producerAndConsumer = []int16{0, 1}

// versions looks at what the broker says that it serves.
func (e *exam) versions(p *peer) {
	text := fmt.Sprintf("it serves %d kinds of requests", len(p.served))
	if guess := kversion.FromApiVersionsResponse(p.answer).VersionGuess(); strings.HasPrefix(guess, "v") {
		text += ", just as Kafka " + guess + " does"
	}
	for _, key := range producerAndConsumer {
		if k, ok := p.served[key]; ok {
			text += fmt.Sprintf(", %s v%d to v%d", kmsg.NameForKey(key), k.MinVersion, k.MaxVersion)
		}
	}
	var features []string
	for _, f := range p.answer.FinalizedFeatures {
		features = append(features, fmt.Sprintf("%s=%d", f.Name, f.MaxVersionLevel))
	}
	slices.Sort(features)
	if len(features) > 0 {
		text += "; features: " + strings.Join(features, ", ")
	}
	e.ok(checkVersions, text+" (the protocol does not say which software it is)")
	for _, u := range uses {
		var missing []string
		for _, k := range u.keys {
			if _, ok := p.served[k]; !ok {
				missing = append(missing, kmsg.NameForKey(k))
			}
		}
		if len(missing) > 0 {
			e.find(Finding{
				Check: checkVersions, Mark: u.mark, Text: fmt.Sprintf("for %s it does not serve %s", u.what, strings.Join(missing, ", ")), Means: u.vain,
				Next: "use a broker that has it, or see whether the broker, or a proxy before it, has it switched off",
			})
		}
	}
	e.clients(p)
}
