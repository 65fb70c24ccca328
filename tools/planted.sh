#!/bin/sh
# Plants each known bug (testdata/planted/*.patch of a room) in a copy of the
# tree and runs the room's tests there: a bug that no test catches is a failure.
# The first lines of a patch say what it breaks and name the test that must
# fail: "Test: ./log -run TestCrash". Arguments choose patches; else all run.
# A test that runs out of time has caught nothing, as a slow machine does that
# too: each has LIMIT, which is far more than it needs.
set -eu
GO=${GO:-go}
LIMIT=${LIMIT:-30m}
top=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missed=0
found=0
[ $# -gt 0 ] || set -- $(find . -path '*/testdata/planted/*.patch' | sort)
for patch; do
	rm -rf "$work/tree"
	mkdir "$work/tree"
	git ls-files -co --exclude-standard | grep -v '^compat-tests/' | tar -cf - -T - | tar -xf - -C "$work/tree"
	args=$(sed -n 's/^Test: //p' "$patch" | head -n 1)
	if [ -z "$args" ]; then
		echo "$patch: no line 'Test: ...' names the test that must fail" >&2
		exit 1
	fi
	if ! (cd "$work/tree" && patch -p1 -s -r - <"$top/$patch" && $GO vet "${args%% *}") >"$work/out" 2>&1; then
		# The code has moved on, and the patch has to follow.
		echo "BROKEN $patch"
		tail -n 20 "$work/out"
		missed=$((missed + 1))
	elif (cd "$work/tree" && $GO test -count=1 -timeout "$LIMIT" $args) >"$work/out" 2>&1; then
		echo "MISSED $patch"
		missed=$((missed + 1))
	elif grep -q '^panic: test timed out' "$work/out"; then
		echo "HUNG $patch"
		missed=$((missed + 1))
	elif ! grep -q -e '^--- FAIL' -e '^panic:' "$work/out"; then
		echo "BROKEN $patch"
		tail -n 20 "$work/out"
		missed=$((missed + 1))
	else
		why=$(grep -m 1 'seed [0-9]*:' "$work/out" || grep -m 1 -e '^panic:' -e '_test.go:[0-9]*:' "$work/out" || true)
		echo "caught $patch: $(echo "$why" | sed 's/^ *//' | cut -c 1-150)"
		found=$((found + 1))
	fi
done
echo "$found planted bugs caught, $missed missed"
[ "$missed" -eq 0 ] && [ "$found" -gt 0 ]
