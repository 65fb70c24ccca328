#!/bin/sh
# Runs every fuzz target of the module, one after the other, FUZZTIME each.
set -eu
GO=${GO:-go}
FUZZTIME=${FUZZTIME:-30s}
grep -rl --include='*_test.go' '^func Fuzz' . --exclude-dir=compat-tests --exclude-dir=tools | xargs -n1 dirname | sort -u | while read -r dir; do
	grep -h '^func Fuzz' "$dir"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/' | while read -r target; do
		echo "== $dir $target"
		"$GO" test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" </dev/null
	done
done
