package everyday

// Feature is a thing that a client may lack.
type Feature string

// The features.
const (
	None   Feature = "none"
	Gzip   Feature = "gzip"
	Snappy Feature = "snappy"
	LZ4    Feature = "lz4"
	Zstd   Feature = "zstd"

	Timestamps Feature = "timestamps" // that the program sets
	Empty      Feature = "empty"      // values and keys, told from null
	HeaderSeq  Feature = "header-seq" // the order of headers
	AppendTime Feature = "append-time"
	Idempotent Feature = "idempotent"
	Create     Feature = "create"
	List       Feature = "list"
	Describe   Feature = "describe"
	Configs    Feature = "configs"
	Alter      Feature = "alter"
	Increment  Feature = "incremental-alter" // else what it alters takes all other configs away
	Grow       Feature = "grow"
	Delete     Feature = "delete"
	ByTime     Feature = "by-time"
	Classic    Feature = "classic" // groups
	Consumer   Feature = "consumer"
	Txn        Feature = "transactions"
)

// Client is a client library with its program.
type Client struct {
	// Command starts the program; the arguments follow.
	Command []string
	// Env is added to the environment.
	Env []string
	// Lacks has what the client has not, each with the reason: the row of the matrix
	// says it, by a skip that is no pass.
	Lacks map[Feature]string
}

// New makes a client of what package program returns.
func New(command, env []string, lacks map[Feature]string) *Client {
	return &Client{Command: command, Env: env, Lacks: lacks}
}

// NewOf is New for a command without an environment.
func NewOf(command []string, lacks map[Feature]string) *Client { return New(command, nil, lacks) }
