package binlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// databaseTime is how long MariaDB may take to come up.
const databaseTime = 2 * time.Minute

// mariaDB is a server of Debian's package with its own data, port and socket.
type mariaDB struct {
	root string // of the unpacked package
	env  []string
	port int
}

// startMariaDB starts a server that ends with the test, and creates the table in a
// database named shop.
func startMariaDB(t *testing.T) *mariaDB {
	t.Helper()
	root, env, err := harness.Debian(testbroker.Context(t, 5*time.Minute), "mariadb-server-core", "mariadb-client-core")
	if err != nil {
		t.Fatal(err)
	}
	ports, err := harness.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	db := &mariaDB{root, env, ports[0]}
	dir := dataDir(t)
	settings, err := filepath.Abs(filepath.Join("testdata", "mariadb.cnf"))
	if err != nil {
		t.Fatal(err)
	}
	account := []string{"--basedir=" + filepath.Join(root, "usr"), "--datadir=" + filepath.Join(dir, "data")}
	if os.Geteuid() == 0 {
		account = append(account, "--user="+unprivileged(t, dir))
	}
	create := append([]string{filepath.Join(root, "usr", "bin", "mariadb-install-db"), "--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"}, account...)
	if out, err := db.run(testbroker.Context(t, databaseTime), "", create...); err != nil {
		t.Fatalf("create the database: %v\n%s", err, out)
	}
	serve := append([]string{filepath.Join(root, "usr", "sbin", "mariadbd"), "--defaults-file=" + settings}, account...)
	serve = append(serve, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(db.port), "--socket="+filepath.Join(dir, "socket"), "--pid-file="+filepath.Join(dir, "data", "pid"))
	// What it prints is its log, for the story of a failed test.
	program.Start(t, "mariadbd", serve, env, func([]byte) bool { return false }, func() string { return "" })
	testbroker.Eventually(t, databaseTime, func() error {
		_, err := db.query(t, "SELECT 1")
		return err
	})
	schema, err := os.ReadFile(filepath.Join("testdata", "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.query(t, "CREATE DATABASE shop; USE shop; "+string(schema)); err != nil {
		t.Fatal(err)
	}
	return db
}

// dataDir is a directory that an account without rights can get at, which those of
// the cache may not be.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mariadb-") //nolint:usetesting // t.TempDir() lies in a folder that only its owner may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// unprivileged is an account that the server runs as when the tests are root's, and
// which gets the directory: the server refuses to be root.
func unprivileged(t *testing.T, dir string) string {
	t.Helper()
	account, err := user.Lookup("mysql")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, -1); err != nil {
		t.Fatal(err)
	}
	return account.Username
}

// run runs a program of the package.
func (db *mariaDB) run(ctx context.Context, input string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), db.env...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// query runs statements by MariaDB's command line client.
func (db *mariaDB) query(t *testing.T, statements string) (string, error) {
	t.Helper()
	out, err := db.run(testbroker.Context(t, time.Minute), statements, filepath.Join(db.root, "usr", "bin", "mariadb"),
		"--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--port="+strconv.Itoa(db.port), "--user=root",
		"--default-character-set=utf8mb4", "--batch", "--skip-column-names", "--raw")
	if err != nil {
		return "", fmt.Errorf("mariadb: %w: %s", err, out)
	}
	return out, nil
}

// rows is what the table holds.
func (db *mariaDB) rows(t *testing.T) (map[int]row, error) {
	t.Helper()
	text, err := db.query(t, `SELECT JSON_OBJECT('id', id, 'version', version, 'name', name, 'note', note, 'balance', balance) FROM shop.accounts`)
	all := map[int]row{}
	for line := range strings.Lines(text) {
		var r row
		err = errors.Join(err, json.Unmarshal([]byte(line), &r))
		all[r.ID] = r
	}
	return all, err
}
