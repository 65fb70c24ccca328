#!/usr/bin/env bash
# Runs one client's tests against one target and judges them by its allow.txt.
#
#   ./run.sh CLIENT TARGET [quick|write]
#
# CLIENT  franzgo, kcat, javatools, compaction, javagroups, librdkafka,
#         kafkapython, kafkajs, txn, old, behaviour, hostile, faults, groups (the four
#         clients with scenarios of groups, and franzgo), or all
# TARGET  mainstem (default) or kafka
# quick   leaves the slow tests out, and what needs a JVM and Apache Kafka's
#         jars: those of compaction, all of txn but franz-go's, and with
#         `all quick` all of javatools, of old and of the clients with nothing but
#         scenarios of groups
# write   writes the tests that pass to allow.txt
#
# BROKER_BIN names a binary to test instead of building one.
set -euo pipefail
cd "$(dirname "$0")"

client=${1:?usage: ./run.sh CLIENT TARGET [quick|write]}
target=${2:-mainstem}
mode=${3:-}

case $mode in
'') test_flags=() report_flags=() ;;
quick) test_flags=(-short) report_flags=(-quick) ;;
write) test_flags=() report_flags=(-write) ;;
*)
	echo "run.sh: unknown mode '$mode'" >&2
	exit 2
	;;
esac

grouped=(javagroups librdkafka kafkapython kafkajs)
if [[ $client == all || $client == groups ]]; then
	clients=("${grouped[@]}" franzgo)
	if [[ $client == all ]]; then
		clients=(behaviour hostile faults franzgo kcat compaction txn)
		[[ $mode == quick ]] || clients+=(javatools old "${grouped[@]}")
	fi
	status=0
	for one in "${clients[@]}"; do
		"./run.sh" "$one" "$target" "$mode" || status=1
	done
	exit $status
fi

case $client in
behaviour | hostile | faults) dir=$client ;;
franzgo | kcat | javatools | compaction | javagroups | librdkafka | kafkapython | kafkajs | txn | old) dir=clients/$client ;;
*)
	echo "run.sh: unknown client '$client'" >&2
	exit 2
	;;
esac

echo "== $client on $target ${mode:+($mode)}"
# The report judges, so the exit code of the tests themselves is not asked.
{ TARGET=$target go test -json -count=1 -timeout 45m "${test_flags[@]}" "./$dir" || true; } |
	go run ./report -allow "$dir/allow.txt" -target "$target" "${report_flags[@]}"
