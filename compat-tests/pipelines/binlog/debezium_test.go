package binlog

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/connect"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestDebezium: what is in the topic is every change, in order: a part of it again
// after a crash of the worker, or each once if the worker is set so.
func TestDebezium(t *testing.T) {
	t.Run("at least once", func(t *testing.T) {
		testbroker.Quick(t)
		debezium(t, true, nil, nil)
	})
	t.Run("exactly once", func(t *testing.T) {
		testbroker.Quick(t)
		worker, err := os.ReadFile(filepath.Join("testdata", "exactly-once.worker.properties"))
		if err != nil {
			t.Fatal(err)
		}
		debezium(t, false, strings.Fields(string(worker)), readConfig(t, "exactly-once.json"))
	})
}

func debezium(t *testing.T, repeats bool, worker []string, connector map[string]string) {
	t.Helper()
	jars, err := harness.Jars(testbroker.Context(t, 10*time.Minute), filepath.Join("testdata", "debezium-connector-mariadb", "pom.xml"))
	if err != nil {
		t.Fatal(err)
	}
	// Each folder of this one is a plugin.
	plugins := t.TempDir()
	if err := os.Symlink(jars, filepath.Join(plugins, "debezium-connector-mariadb")); err != nil {
		t.Fatal(err)
	}
	db := startMariaDB(t)
	name := shared.Name(t)
	h := newHistory(12)
	if _, err := db.query(t, "USE shop;"+h.insertAll()); err != nil {
		t.Fatal(err)
	}
	w := connect.New(t, shared.Addr(), name, append(worker, "plugin.path="+plugins)...)
	w.Start()
	w.Must(http.MethodPut, "/connectors/shop/config", connectorConfig(t, db, name, connector))
	w.Runs("shop", "RUNNING")
	tp := record(t, name+".shop.accounts")
	tp.until(t, ids) // The snapshot has all rows.

	// Until this is committed, who is killed takes the snapshot again, without what came between.
	w.Eventually("position after the snapshot", func() error {
		kept, err := w.Ask(http.MethodGet, "/connectors/shop/offsets", nil)
		if err == nil && (!strings.Contains(kept, `"pos"`) || strings.Contains(kept, `"snapshot"`)) {
			err = errors.New(kept)
		}
		return err
	})
	for round, trouble := range []func(){
		w.Kill,
		func() { w.Must(http.MethodPost, "/connectors/shop/restart?includeTasks=true", nil) },
		w.Stop,
	} {
		l := write(t, db, h)
		at := tp.length(t)
		tp.until(t, at+40)
		shared.Restart(t)
		tp.until(t, at+120)
		trouble()
		if round != 1 {
			w.Start()
		}
		l.stop(t)
		w.Runs("shop", "RUNNING")
	}
	tp.whole(t, h, db, repeats)
	w.Stop()
}

// connectorConfig is testdata/debezium.json, for this database, broker and topic.
func connectorConfig(t *testing.T, db *mariaDB, name string, more map[string]string) map[string]string {
	t.Helper()
	config := readConfig(t, "debezium.json")
	const history = "schema.history.internal.kafka."
	for key, value := range map[string]string{
		"database.port": strconv.Itoa(db.port), "topic.prefix": name, history + "bootstrap.servers": shared.Addr(), history + "topic": name + ".schema-history",
	} {
		if config[key] == "" {
			t.Fatalf("debezium.json has no %s", key)
		}
		config[key] = value
	}
	maps.Copy(config, more)
	return config
}

// readConfig reads a connector's settings from testdata.
func readConfig(t *testing.T, name string) (config map[string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	return config
}
