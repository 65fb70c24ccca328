package cluster

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// Options say how a Journal is opened.
type Options struct {
	NodeID model.BrokerID // must be what the directory was made with
	Rack   string
	// SnapshotBytes is how large the journal grows before a snapshot replaces
	// it (or twice the last snapshot, if that is more). 0: 4 MiB.
	SnapshotBytes int64
	// Fatal is called once when the journal can not go on (a failed fsync), after
	// the changes that it failed were answered; every later one fails too, and
	// the process should exit. It must not change metadata. May be nil.
	Fatal func(error)
	// Room is asked before metadata grows by so many bytes that stay, and its
	// error is the caller's answer. It is called on the committer's goroutine,
	// and must not change metadata. nil: there is always room.
	Room func(bytes int64) error
	// PartitionsMax is how many partitions there may be in all, of topics that
	// are not internal; asked each time. nil: no bound but that of a request.
	PartitionsMax func(img *Image) int64
}

// Journal is Metadata on one node: a journal of records, synced before they
// take effect, and now and then a snapshot that replaces it.
type Journal struct {
	fs      vfs.FS
	dir     string
	options Options
	image   atomic.Pointer[Image]
	starts  atomic.Uint32 // see SetUncleanStarts

	requests chan *change // to the committer; never closed
	stop     chan struct{}
	stopped  chan struct{} // the committer is gone
	close    sync.Once

	subscribers struct {
		sync.Mutex
		list []func(before, after *Image)
	}

	commit committer // owned by the committer goroutine once Open returned
}

var _ Metadata = (*Journal)(nil)

// Errors of Open and of a Journal in use.
var (
	ErrWrongNode = errors.New("the data directory belongs to another node")
	ErrClosed    = errors.New("the metadata journal is closed")
)

const snapshotBytesDefault = 4 << 20

// Open reads the metadata in dir/metadata, or makes it with a new cluster id,
// and starts the goroutine that commits changes. The caller holds the lock of
// the data directory.
func Open(fs vfs.FS, dir string, o Options) (*Journal, error) {
	if o.NodeID < 0 {
		return nil, fmt.Errorf("node id %d: must not be negative", o.NodeID)
	}
	if o.SnapshotBytes == 0 {
		o.SnapshotBytes = snapshotBytesDefault
	}
	j := &Journal{
		fs: fs, dir: joinPath(dir, "metadata"), options: o,
		requests: make(chan *change), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	j.commit = committer{files: files{fs: fs, dir: j.dir}, threshold: o.SnapshotBytes}
	img, err := j.commit.recover(o)
	if err != nil {
		return nil, fmt.Errorf("open the metadata in %s: %w", j.dir, err)
	}
	j.image.Store(img)
	go j.run()
	return j, nil
}

// Image implements Metadata.
func (j *Journal) Image() *Image { return j.image.Load() }

// Standing implements Metadata.
func (j *Journal) Standing(id model.PartitionID) Standing { return j.Image().Standing(id) }

// Subscribe implements Metadata.
func (j *Journal) Subscribe(f func(before, after *Image)) {
	j.subscribers.Lock()
	defer j.subscribers.Unlock()
	j.subscribers.list = append(j.subscribers.list, f)
}

// SetUncleanStarts tells the log's count of unclean starts, so that a topic
// made from now on begins at leader epoch 0. To be called once, after the log
// is open and before anything is created.
func (j *Journal) SetUncleanStarts(n uint32) { j.starts.Store(n) }

// Close waits for the changes under way and closes the file. Later changes
// fail; the image stays readable.
func (j *Journal) Close() error {
	var err error
	j.close.Do(func() {
		close(j.stop)
		<-j.stopped
		err = j.commit.files.close()
	})
	return err
}

// NodeID is the node that the metadata belongs to.
func (i *Image) NodeID() model.BrokerID { return i.ids.node }

func parseBroker(name string) (model.BrokerID, error) {
	n, err := strconv.ParseInt(name, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("broker id %q: a broker is named by its node id", name)
	}
	return model.BrokerID(n), nil
}

func joinPath(dir, name string) string { return dir + "/" + name }
