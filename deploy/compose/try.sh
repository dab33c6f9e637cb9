#!/bin/sh
# One report's way through the containers: a key, a report, its case, and the record on its department's topic.
# After `docker compose up --detach`; needs curl. Ends with 0 where the record is there.
set -eu
cd "$(dirname "$0")/../.."
intake=${INTAKE_URL:-http://127.0.0.1:8080}
dispatch=${DISPATCH_URL:-http://127.0.0.1:8081}
again="--retry 60 --retry-delay 2 --retry-all-errors --max-time 10"

value() { # NAME of a member whose value is a text, in JSON on stdin
  sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -n 1
}

for url in "$intake" "$dispatch"; do
  curl -fsS $again -o /dev/null "$url/readyz"
done
echo "intake and dispatch are ready"

key=$(docker compose run --rm -T secrets gewu keys add "try-$(date +%s)" --scope report --scope 'read:*')
# A new key is in force within 5 s; until then this is tried again.
told=$(curl -fsS $again "$intake/v1/reports" -H "authorization: Bearer $key" -H 'content-type: application/json' -d '{
  "category": "water manhole", "object_id": "99010101001000001",
  "place": {"lon": 83.011956, "lat": 39.017685}, "text": "the cover is missing"}')
status=$(echo "$told" | value status_url)
echo "accepted: $status"

tries=0 case_id=
while [ -z "$case_id" ] && [ $tries -lt 60 ]; do
  case_id=$(curl -sS --max-time 10 "$status" | value case_id)
  tries=$((tries + 1))
  [ -n "$case_id" ] || sleep 1
done
[ -n "$case_id" ] || { echo "no case after $tries looks: docker compose logs dispatch" >&2; exit 1; }
department=$(curl -fsS "$dispatch/v1/cases/$case_id" -H "authorization: Bearer $key" | value department)
echo "case $case_id is with $department"

# Case and topic are made in that order: what is not there yet is waited for until the consumer gives up.
if docker compose exec -T kafka /opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server 127.0.0.1:9092 \
  --topic "dispatch.$department" --from-beginning --timeout-ms 20000 2>/dev/null | grep -a -q "$case_id"; then
  echo "the department has it: dispatch.$department"
else
  echo "dispatch.$department has no record of the case" >&2
  exit 1
fi
