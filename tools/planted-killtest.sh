#!/bin/sh
# Shows that the kill test of transactions finds what it is for: builds the broker with
# each known bug whose patch (testdata/planted/*.patch of a room) says "Killtest: FLAGS",
# and wants the kill test with these flags to fail with what the patch says it
# "Finds: PATTERN". Arguments choose patches; else all that say so run.
set -eu
GO=${GO:-go}
LIMIT=${LIMIT:-300}
top=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missed=0
found=0
[ $# -gt 0 ] || set -- $(grep -l '^Killtest: ' $(find . -path '*/testdata/planted/*.patch' | sort))
(cd compat-tests && $GO build -o "$work/killtest" ./killtest)
for patch; do
	rm -rf "$work/tree"
	mkdir "$work/tree"
	git ls-files -co --exclude-standard | grep -v '^compat-tests/' | tar -cf - -T - | tar -xf - -C "$work/tree"
	flags=$(sed -n 's/^Killtest: //p' "$patch")
	finds=$(sed -n 's/^Finds: //p' "$patch")
	if [ -z "$flags" ] || [ -z "$finds" ]; then
		echo "$patch: no lines 'Killtest: ...' and 'Finds: ...'" >&2
		exit 1
	fi
	if ! (cd "$work/tree" && patch -p1 -s -r - <"$top/$patch" && $GO build -trimpath -o "$work/mainstem" ./cmd/mainstem) >"$work/out" 2>&1; then
		# The code has moved on, and the patch has to follow.
		echo "BROKEN $patch"
		tail -n 20 "$work/out"
		missed=$((missed + 1))
		continue
	fi
	status=0
	# Data of its own: a run that fails keeps it.
	(cd compat-tests && COMPAT_CACHE=$work/cache BROKER_BIN=$work/mainstem timeout "$LIMIT" "$work/killtest" $flags) >"$work/out" 2>&1 || status=$?
	if [ "$status" -eq 0 ] || ! sed -n '/FAILED:/,$p' "$work/out" | grep -q -E "$finds"; then
		echo "MISSED $patch: exit code $status"
		tail -n 5 "$work/out"
		missed=$((missed + 1))
	else
		why=$(sed -n '/FAILED:/,$p' "$work/out" | grep -m 1 -E "$finds")
		echo "caught $patch: $(echo "$why" | sed 's/^ *//' | cut -c 1-200)"
		found=$((found + 1))
	fi
done
echo "$found planted bugs caught, $missed missed"
[ "$missed" -eq 0 ] && [ "$found" -gt 0 ]
