package quota

// Kind is what a quota limits.
type Kind uint8

// The kinds.
const (
	Produce  Kind = iota // bytes of Produce requests
	Fetch                // bytes of records in Fetch answers
	Request              // seconds of work on requests
	Mutation             // partitions made or deleted
	kindCount
)

// KindCount is how many kinds there are.
const KindCount = int(kindCount)

// traits are what differs from kind to kind.
type traits struct {
	key   string  // Kafka's name of the quota
	label string  // in metrics and log lines
	unit  float64 // what a quota of 1 stands for, a second
	whole bool    // the quota must be a whole number
	// burst is how many seconds of its limit a client that rested may take at
	// once, debt how many it may owe, pause how many it is ever told to wait.
	burst, debt, pause float64
}

// An hour is what a request may cost that is thousands of times larger than the
// limit: after that it is forgiven, as it must have been a mistake.
const forgiven = 3600

func (k Kind) traits() traits {
	switch k {
	case Produce:
		return traits{key: "producer_byte_rate", label: "produce", unit: 1, whole: true, burst: 1, debt: forgiven, pause: forgiven}
	case Fetch:
		return traits{key: "consumer_byte_rate", label: "fetch", unit: 1, whole: true, burst: 1, debt: forgiven, pause: forgiven}
	case Request:
		// As in Kafka, nobody waits for more than a second for the time that was used.
		return traits{key: "request_percentage", label: "request", unit: 0.01, burst: 1, debt: 10, pause: 1}
	case Mutation:
		// Kafka's bucket: controller.quota.window.num times .size.seconds.
		return traits{key: "controller_mutation_rate", label: "controller_mutation", unit: 1, burst: 11, debt: forgiven, pause: forgiven}
	case kindCount:
	}
	panic("quota: no such kind")
}

// Key is Kafka's name of the quota.
func (k Kind) Key() string { return k.traits().key }

// String is the kind's label in metrics.
func (k Kind) String() string { return k.traits().label }

// Unit is what a quota of 1 stands for, a second, in what is charged.
func (k Kind) Unit() float64 { return k.traits().unit }

// Whole reports whether the quota must be a whole number.
func (k Kind) Whole() bool { return k.traits().whole }

// KindOf finds the kind by Kafka's name of the quota.
func KindOf(key string) (Kind, bool) {
	for k := range kindCount {
		if k.Key() == key {
			return k, true
		}
	}
	return 0, false
}
