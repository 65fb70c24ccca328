set -eu
# snippet: produce
printf 'user-1:signed in\nuser-2:signed in\n' | kcat -b localhost:9092 -P -t logins -K : -z zstd -X enable.idempotence=true
# snippet: end
# snippet: consume
kcat -b localhost:9092 -C -t logins -o beginning -e -q -f '%p/%o %k=%s\n'
# snippet: end
# snippet: group
kcat -b localhost:9092 -G readers -X auto.offset.reset=earliest -q -c 2 logins
# snippet: end
# snippet: list
kcat -b localhost:9092 -L -t logins
# snippet: end
