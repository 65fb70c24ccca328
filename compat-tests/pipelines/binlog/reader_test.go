package binlog

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// readerPackages are what testdata/reader.py imports, and PyMySQL, which the first is
// made with.
const readerPackages = "mysql-replication==1.0.17 PyMySQL==1.2.4 confluent-kafka==2.16.1"

// TestReader: every change is in the topic once, and in order.
func TestReader(t *testing.T) {
	testbroker.Quick(t)
	python, err := harness.Python(testbroker.Context(t, 5*time.Minute), readerPackages)
	if err != nil {
		t.Fatal(err)
	}
	db := startMariaDB(t)
	topic := shared.Topic(t, 3, nil)
	positions := shared.Topic(t, 1, map[string]string{"cleanup.policy": "compact"})
	argv := []string{python, filepath.Join("testdata", "reader.py"), shared.Addr(), strconv.Itoa(db.port), "shop", "accounts", topic, positions}
	reader := program.Supervise(t, argv, nil)
	tp := record(t, topic)

	h := newHistory(11)
	if _, err := db.query(t, "USE shop;"+h.insertAll()); err != nil {
		t.Fatal(err)
	}
	tp.until(t, ids)
	for round := range 3 {
		l := write(t, db, h)
		at := tp.length(t)
		tp.until(t, at+40)
		shared.Restart(t)
		tp.until(t, at+120)
		reader.Kill()
		l.stop(t)
		t.Logf("round %d: the reader was started %d times", round, reader.Starts())
	}
	tp.whole(t, h, db, false)
}
