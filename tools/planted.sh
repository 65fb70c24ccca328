#!/bin/sh
# Plants each known bug (testdata/planted/*.patch of a room) in a copy of the
# tree and runs the room's tests there: a bug that no test catches is a failure.
# The first lines of a patch say what it breaks and name the test that must
# fail: "Test: ./log -run TestCrash".
set -eu
GO=${GO:-go}
top=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missed=0
found=0
for patch in $(find . -path '*/testdata/planted/*.patch' | sort); do
	rm -rf "$work/tree"
	mkdir "$work/tree"
	git ls-files -co --exclude-standard | grep -v '^compat-tests/' | tar -cf - -T - | tar -xf - -C "$work/tree"
	(cd "$work/tree" && patch -p1 -s <"$top/$patch")
	args=$(sed -n 's/^Test: //p' "$patch" | head -n 1)
	if [ -z "$args" ]; then
		echo "$patch: no line 'Test: ...' names the test that must fail" >&2
		exit 1
	fi
	if (cd "$work/tree" && $GO vet ./log >/dev/null) && (cd "$work/tree" && $GO test -count=1 $args >"$work/out" 2>&1); then
		echo "MISSED $patch"
		missed=$((missed + 1))
	elif grep -q '\[build failed\]' "$work/out"; then
		echo "BROKEN $patch"
		tail -n 20 "$work/out"
		missed=$((missed + 1))
	else
		echo "caught $patch"
		found=$((found + 1))
	fi
done
echo "$found planted bugs caught, $missed missed"
[ "$missed" -eq 0 ] && [ "$found" -gt 0 ]
