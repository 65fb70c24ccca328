#!/usr/bin/env bash
# Runs one client's tests against one target and judges them by its allow.txt.
#
#   ./run.sh CLIENT TARGET [quick|write]
#
# CLIENT  behaviour, hostile, faults, a folder of clients/ or of pipelines/ that
#         has an allow.txt, groups (the four clients with scenarios of groups,
#         and franzgo), or all (on kafka without hostile and faults)
# TARGET  mainstem (default) or kafka
# quick   leaves the slow tests out, and what needs a JVM and Apache Kafka's
#         jars: those of compaction, all of txn but franz-go's; `all quick` is
#         only of the folders that are worth it then
# write   writes the tests that pass to allow.txt
#
# What the tests said is left in results/CLIENT.TARGET.txt, but for quick: commit
# it, and make compat-report makes docs/compatibility.md of it.
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

judged() { ls -d "$@" 2>/dev/null | xargs -n 1 dirname | xargs -n 1 basename; }

if [[ $client == all || $client == groups ]]; then
	clients=(javagroups librdkafka kafkapython kafkajs franzgo)
	if [[ $client == all ]]; then
		clients=(behaviour)
		# What bad peers and bad disks do is asked of Mainstem alone.
		[[ $target == kafka ]] || clients+=(hostile faults)
		case $mode in
		quick) clients+=(franzgo kcat compaction txn) ;;
		*) clients+=($(judged clients/*/allow.txt pipelines/*/allow.txt)) ;;
		esac
	fi
	status=0
	for one in "${clients[@]}"; do
		"./run.sh" "$one" "$target" "$mode" || status=1
	done
	exit $status
fi

for dir in "$client" "clients/$client" "pipelines/$client" ''; do
	[[ -n $dir && -f $dir/allow.txt ]] && break
done
if [[ -z $dir || $client == */* ]]; then
	echo "run.sh: unknown client '$client': there are behaviour, hostile, faults," $(judged clients/*/allow.txt pipelines/*/allow.txt) >&2
	exit 2
fi

# They are no clients, and have no place in the matrix.
if [[ $client != hostile && $client != faults && $mode != quick ]]; then
	report_flags+=(-keep .)
fi

echo "== $client on $target ${mode:+($mode)}"
# The report judges, so the exit code of the tests themselves is not asked.
{ TARGET=$target go test -json -count=1 -timeout 45m "${test_flags[@]}" "./$dir" || true; } |
	go run ./report -allow "$dir/allow.txt" -target "$target" "${report_flags[@]}"
