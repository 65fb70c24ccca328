package main

import (
	"fmt"
	"maps"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// table is a set of rows that one run measures.
type table string

const (
	speedTable   table = "speed"   // make bench
	storageTable table = "storage" // make bench-storage
)

func parseTable(name string) (table, error) {
	switch t := table(name); t {
	case speedTable, storageTable:
		return t, nil
	}
	return "", fmt.Errorf("no table %q; there are: %s, %s", name, speedTable, storageTable)
}

func (t table) rows() []row {
	if t == storageTable {
		return storageRows()
	}
	return speedRows()
}

// brokers says for the report which brokers serve the rows.
func (t table) brokers() string {
	if t == storageTable {
		return "Each row has fresh brokers, one at a time, but those with 10,000 partitions, which share theirs"
	}
	return "Both brokers start once and serve all rows, on fresh topics each round; memory and startup have fresh brokers"
}

// rounds is how many rounds the row gets of so many.
func (r row) rounds(asked int) int {
	if r.most > 0 {
		return min(r.most, asked)
	}
	return asked
}

// properties are what a broker of the row's own is started with.
func (r row) properties(target harness.Target) map[string]string {
	props := harness.TestProps()
	maps.Copy(props, r.props[target])
	return props
}
